import { formatAddress } from '../base/address.ts';
import type { SocketAddress } from '../base/address.ts';
import { errorCode, ListenFailed } from '../base/errors.ts';

/** Ports below this belong to root unless the system says otherwise (Linux: ip_unprivileged_port_start). */
const unprivilegedPortMin = 1024;

/** What went wrong opening a socket, and what to do about it, in a sentence. */
export function listenFailure(
  protocol: 'UDP' | 'TCP',
  address: SocketAddress,
  cause: unknown,
): ListenFailed {
  const where = `${protocol} ${formatAddress(address)}`;
  return new ListenFailed(`cannot listen on ${where}: ${advice(errorCode(cause), address)}`, {
    cause,
  });
}

function advice(code: string | undefined, { host, port }: SocketAddress): string {
  switch (code) {
    case 'EADDRINUSE':
      return (
        `another process holds the port. Stop it (often systemd-resolved or dnsmasq), ` +
        `or set listen.addresses to a free one, such as 0.0.0.0:1053`
      );
    case 'EACCES':
      return port < unprivilegedPortMin
        ? `ports below ${String(unprivilegedPortMin)} need a privilege. Listen on 1053 and map ` +
            `port 53 to it, or grant CAP_NET_BIND_SERVICE`
        : 'the system does not allow it';
    case 'EADDRNOTAVAIL':
      return `no interface of this machine has the address ${host}`;
    default:
      return 'the system refused';
  }
}

import { isIP } from 'node:net';
import { isWildcard } from '../base/address.ts';
import type { SocketAddress } from '../base/address.ts';
import { canonicalHost } from '../base/server-address.ts';
import type { ServerAddress } from '../base/server-address.ts';

/**
 * The upstreams that are this resolver itself, as far as addresses tell: one where it listens, or
 * one of the machine's own addresses with a port on which it listens at every address.
 */
export function addressesLeadingBack(
  servers: readonly ServerAddress[],
  listenAddresses: readonly SocketAddress[],
  localInterfaceAddresses: readonly string[],
): ServerAddress[] {
  const local = new Set(localInterfaceAddresses.map(canonicalHost));
  return servers.filter((server) =>
    listenAddresses.some((listen) => leadsTo(server, listen, local)),
  );
}

function leadsTo(server: ServerAddress, listen: SocketAddress, local: Set<string>): boolean {
  if (server.port !== listen.port) return false;
  const host = reached(server.host);
  if (!isWildcard(listen.host)) return host === canonicalHost(listen.host);
  // A socket at `::` takes IPv4 too, one at `0.0.0.0` takes nothing else.
  if (listen.host === '0.0.0.0' && isIP(host) !== 4) return false;
  return local.has(host) || isLoopback(host);
}

/** What asking the address of "every address" reaches: the machine itself. */
function reached(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host.replace(/^::ffff:(?=\d+\.)/, '');
}

/** RFC 1122 section 3.2.1.3 (all of 127/8), RFC 4291 section 2.5.3. */
function isLoopback(host: string): boolean {
  return host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

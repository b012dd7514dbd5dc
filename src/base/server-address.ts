import { isIP, SocketAddress as NodeAddress } from 'node:net';
import { formatAddress, parseHostPort } from './address.ts';
import type { SocketAddress } from './address.ts';
import { MalformedAddress } from './errors.ts';

/** RFC 1035 section 4.2. */
const dnsPort = 53;

/** How an upstream is asked: `udp` goes on with TCP after truncation, `tcp` never uses UDP. */
export type ServerTransport = 'udp' | 'tcp';

/** Where an upstream is; the host is a name until it was resolved. */
export interface ServerAddress extends SocketAddress {
  readonly transport: ServerTransport;
}

/**
 * An IP address as the system writes it, so that it can be compared with the source of a datagram;
 * a scope id (`fe80::1%eth0`, RFC 4007 section 11) stays. A name comes back as it is.
 */
export function canonicalHost(host: string): string {
  if (isIP(host) !== 6) return host;
  const [address = host, scope] = host.split('%');
  const canonical = new NodeAddress({ address, family: 'ipv6' }).address;
  return scope === undefined ? canonical : `${canonical}%${scope}`;
}

/**
 * Reads `1.1.1.1`, `dns.example:53`, `[2606:4700::1]:53`, `udp://…` or `tcp://…`; port 53 where
 * none is given.
 * @throws {MalformedAddress}
 */
export function parseServer(text: string): ServerAddress {
  const [, scheme = 'udp', rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(text) ?? [];
  if (scheme !== 'udp' && scheme !== 'tcp') {
    throw new MalformedAddress(`"${text}" has a transport other than udp:// and tcp://`);
  }
  const { host, port } = parseHostPort(rest, dnsPort);
  if (port === 0) throw new MalformedAddress(`"${text}" has port 0, which cannot be asked`);
  return { transport: scheme, host: canonicalHost(host), port };
}

/** `9.9.9.9:53` or `tcp://9.9.9.9:53`: the name of an upstream in metrics, logs and answers. */
export function formatServer(server: ServerAddress): string {
  const address = formatAddress(server);
  return server.transport === 'udp' ? address : `${server.transport}://${address}`;
}

/** Whether the host is a name that has to be looked up. */
export function isHostName(server: ServerAddress): boolean {
  return isIP(server.host) === 0;
}

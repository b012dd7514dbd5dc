import { isIP, SocketAddress as NodeAddress } from 'node:net';
import { formatAddress, parseHostPort } from './address.ts';
import type { SocketAddress } from './address.ts';
import { MalformedAddress } from './errors.ts';
import { parseStamp, stampScheme } from './server-stamp.ts';
import type { ServerStamp } from './server-stamp.ts';

/** RFC 1035 section 4.2, RFC 7858 section 3.1, RFC 8484 section 4.1. */
const defaultPorts = { udp: 53, tcp: 53, tls: 853, https: 443 } as const;
/** What everybody uses; RFC 8484 leaves it open. */
const defaultPath = '/dns-query';
/** Between the ways of asking one upstream. */
const alternative = /\s+else\s+/;

/**
 * How an upstream is asked: `udp` goes on with TCP after truncation, `tcp` never uses UDP; `tls` is
 * DoT (RFC 7858), `https` is DoH (RFC 8484) over HTTP/2.
 */
export type ServerTransport = keyof typeof defaultPorts;

/** What an upstream that is asked encrypted has to prove, and how it is found. */
export interface ServerIdentity {
  /** The name or the address that its certificate has to be for (RFC 8310 section 8.1). */
  readonly name: string;
  /** Path and query of a request; empty for `tls`. */
  readonly path: string;
  /** Of a stamp: one of these has to be in the chain, beside the name. */
  readonly certificateHashes: readonly string[];
  /** Of a stamp: resolvers to find the host with. */
  readonly bootstrap: readonly string[];
}

/** Where an upstream is; the host is a name until it was resolved. */
export interface ServerAddress extends SocketAddress {
  readonly transport: ServerTransport;
  /** Where the transport encrypts. */
  readonly identity?: ServerIdentity;
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
 * An address without a port, in the one way of writing it.
 * @throws {MalformedAddress}
 */
export function parseAddress(text: string): string {
  if (isIP(text) === 0) throw new MalformedAddress(`"${text}" is no IP address`);
  return canonicalHost(text);
}

/**
 * Reads `1.1.1.1`, `dns.example:53`, `[2606:4700::1]:53`, `udp://…`, `tcp://…`,
 * `tls://host[:port][#name]`, `https://host[:port][/path][#name]` or a DNS stamp (`sdns://…`); the
 * name is the one that the certificate has to be for, the host where it is left out.
 * @throws {MalformedAddress}
 */
export function parseServer(text: string): ServerAddress {
  if (text.startsWith(stampScheme)) return stampedServer(parseStamp(text));
  const [, scheme = 'udp', rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(text) ?? [];
  if (!isTransport(scheme)) {
    const known = Object.keys(defaultPorts).map((name) => `${name}://`);
    throw new MalformedAddress(`"${text}" has a transport other than ${known.join(', ')}`);
  }
  return scheme === 'udp' || scheme === 'tcp' ? located(scheme, rest) : readEncrypted(scheme, rest);
}

/**
 * Reads the ways in which one upstream may be asked, the best first:
 * `tls://9.9.9.9#dns.quad9.net else 9.9.9.9`.
 * @throws {MalformedAddress}
 */
export function parseUpstream(text: string): ServerAddress[] {
  return text.trim().split(alternative).map(parseServer);
}

/** The same in the one way of writing it; a stamp stays what it is, it says more than an address. */
export function canonicalUpstream(text: string): string {
  const ways = text.trim().split(alternative);
  const canonical = ways.map((way) => {
    const address = parseServer(way);
    return way.startsWith(stampScheme) ? way : formatServer(address);
  });
  return canonical.join(' else ');
}

/**
 * `9.9.9.9:53`, `tcp://9.9.9.9:53`, `tls://9.9.9.9:853#dns.quad9.net`: the name of an upstream in
 * metrics, logs and answers.
 */
export function formatServer(server: ServerAddress): string {
  const address = formatAddress(server);
  if (server.transport === 'udp') return address;
  const { name = server.host, path = '' } = server.identity ?? {};
  const expected = name === server.host ? '' : `#${name}`;
  return `${server.transport}://${address}${path}${expected}`;
}

/** What makes two servers one: how they are asked, and what they have to prove. */
export function serverKey(server: ServerAddress): string {
  return [formatServer(server), ...(server.identity?.certificateHashes ?? [])].join(' ');
}

/** Whether the host is a name that has to be looked up. */
export function isHostName(server: ServerAddress): boolean {
  return isIP(server.host) === 0;
}

function isTransport(scheme: string): scheme is ServerTransport {
  return Object.hasOwn(defaultPorts, scheme);
}

/** `host[:port][/path][#name]`; the whole text always fits, each part may be wrong. */
function readEncrypted(transport: 'tls' | 'https', text: string): ServerAddress {
  const [, where = '', path = '', name] = /^([^/#]*)(\/[^#]*)?(?:#(.*))?$/s.exec(text) ?? [];
  if (transport === 'tls' && path !== '') throw new MalformedAddress(`"${text}" has a path`);
  const address = located(transport, where);
  return { ...address, identity: identityOf(address, { name: name ?? address.host, path }) };
}

function located(
  transport: ServerTransport,
  text: string,
  defaultPort: number = defaultPorts[transport],
): ServerAddress {
  const { host, port } = parseHostPort(text, defaultPort);
  if (port === 0) throw new MalformedAddress(`"${text}" has port 0, which cannot be asked`);
  return { transport, host: isIP(host) === 0 ? host.toLowerCase() : canonicalHost(host), port };
}

/** A path of a URI template (`/dns-query{?dns}`) stands for the same without its variable. */
function identityOf(
  { transport }: ServerAddress,
  { name, path, ...rest }: Partial<ServerIdentity> & { readonly name: string },
): ServerIdentity {
  const plain = (path ?? '').replace(/\{\?dns\}$/, '');
  if (!/^[!-~]*$/.test(plain)) throw new MalformedAddress(`"${plain}" is no path of a URL`);
  return {
    name: checkedName(name),
    path: transport === 'tls' ? '' : plain === '' ? defaultPath : plain,
    certificateHashes: rest.certificateHashes ?? [],
    bootstrap: rest.bootstrap ?? [],
  };
}

/**
 * Without the dot at its end, which no certificate has (RFC 6066 section 3).
 * @throws {MalformedAddress} for what no certificate can be for
 */
function checkedName(text: string): string {
  if (isIP(text) !== 0) return canonicalHost(text);
  if (!/^[A-Za-z0-9_.-]{1,253}$/.test(text)) {
    throw new MalformedAddress(`"${text}" is no name that a certificate can be for`);
  }
  return text.toLowerCase().replace(/\.$/, '');
}

/** The port stands with the address or with the host name. */
function stampedServer(stamp: ServerStamp): ServerAddress {
  const { protocol, certificateHashes, path } = stamp;
  if (protocol === 'udp') return located('udp', stamp.address);
  const named = located(protocol, stamp.hostName);
  const { address } = stamp;
  const at = address.startsWith(':') ? `${named.host}${address}` : address;
  const place = at === '' ? named : located(protocol, at, named.port);
  const bootstrap = stamp.bootstrap.map((text) => formatServer(located('udp', text)));
  const identity = { name: named.host, path, certificateHashes, bootstrap };
  return { ...place, identity: identityOf(named, identity) };
}

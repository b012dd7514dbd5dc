import { isIP } from 'node:net';
import { MalformedAddress } from './errors.ts';

/** Where a socket is: an IP address in text and a port. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

const portMax = 65_535;

function parsePort(text: string, whole: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > portMax) {
    throw new MalformedAddress(`"${whole}" has no port from 0 to ${String(portMax)}`);
  }
  return port;
}

/**
 * Splits `host`, `host:port`, `[v6]:port` or a bare IPv6 address; the host may be a name.
 * @throws {MalformedAddress}
 */
export function parseHostPort(text: string, defaultPort: number): SocketAddress {
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    const [, host = '', port] = bracketed;
    if (isIP(host) !== 6) throw new MalformedAddress(`"${text}" has no IPv6 address in brackets`);
    return { host, port: port === undefined ? defaultPort : parsePort(port, text) };
  }
  if (isIP(text) !== 0) return { host: text, port: defaultPort };
  const colon = text.lastIndexOf(':');
  const host = colon < 0 ? text : text.slice(0, colon);
  if (host === '' || host.includes(':') || /[\s/]/.test(host)) {
    throw new MalformedAddress(`"${text}" is no host, host:port or [IPv6]:port`);
  }
  return { host, port: colon < 0 ? defaultPort : parsePort(text.slice(colon + 1), text) };
}

/**
 * Reads an address whose host must be an IP address, as a listener needs it.
 * @throws {MalformedAddress}
 */
export function parseSocketAddress(text: string, defaultPort: number): SocketAddress {
  const address = parseHostPort(text, defaultPort);
  if (isIP(address.host) === 0)
    throw new MalformedAddress(`"${text}" is no IP address with a port`);
  return address;
}

/** `127.0.0.1:53` or `[::1]:53`. */
export function formatAddress(address: SocketAddress): string {
  return address.host.includes(':')
    ? `[${address.host}]:${String(address.port)}`
    : `${address.host}:${String(address.port)}`;
}

/** Whether the host stands for every address of the machine. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

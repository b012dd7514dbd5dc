import {
  formatAddress,
  parseHostPort,
  parseSocketAddress,
  type SocketAddress,
} from '../base/address.ts';
import { MalformedAddress, MalformedName } from '../base/errors.ts';

/** Not 53, which needs a privilege; the container and the Service map it. */
const listenPortDefault = 1053;
const httpPortDefault = 8080;
/** RFC 1035 section 4.2. */
const dnsPort = 53;

/** How an upstream is asked: `udp` goes on with TCP after truncation, `tcp` never uses UDP. */
export type UpstreamTransport = 'udp' | 'tcp';

/** An upstream as the configuration names it; the host may be a name. */
export interface UpstreamAddress extends SocketAddress {
  readonly transport: UpstreamTransport;
}

/**
 * Reads `1.1.1.1`, `dns.example:53`, `[2606:4700::1]:53`, `udp://…` or `tcp://…`.
 * @throws {MalformedAddress}
 */
export function parseUpstream(text: string): UpstreamAddress {
  const [, scheme = 'udp', rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(text) ?? [];
  if (scheme !== 'udp' && scheme !== 'tcp') {
    throw new MalformedAddress(`"${scheme}" is no known transport`);
  }
  const address = parseHostPort(rest, dnsPort);
  if (address.port === 0) throw new MalformedAddress('port 0 cannot be asked');
  return { transport: scheme, ...address };
}

/** `1.1.1.1:53` or, where UDP is not used, `tcp://1.1.1.1:53`. */
export function formatUpstream(upstream: UpstreamAddress): string {
  const address = formatAddress(upstream);
  return upstream.transport === 'udp' ? address : `${upstream.transport}://${address}`;
}

/**
 * An address to listen on; port 0 lets the system choose.
 * @throws {MalformedAddress}
 */
export function parseListenAddress(text: string): SocketAddress {
  return parseSocketAddress(text, listenPortDefault);
}

/**
 * The address of the HTTP server; undefined for `off`.
 * @throws {MalformedAddress}
 */
export function parseHttpAddress(text: string): SocketAddress | undefined {
  return text === 'off' ? undefined : parseSocketAddress(text, httpPortDefault);
}

/** RFC 1035 section 3.1: 63 bytes in a label, 255 in a name, here without the root's byte. */
const suffixPattern = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/;

/**
 * A domain name in lower case and without the dot at its end.
 * @throws {MalformedName}
 */
export function parseSuffix(text: string): string {
  const name = text.toLowerCase().replace(/\.$/, '');
  if (!suffixPattern.test(name)) throw new MalformedName(`"${text}" is no domain name`);
  return name;
}

/**
 * As {@link parseSuffix}, but with its dot at the end, and the root is allowed.
 * @throws {MalformedName}
 */
export function parseAbsoluteName(text: string): string {
  return text === '.' ? text : `${parseSuffix(text)}.`;
}

import { parseSocketAddress, type SocketAddress } from '../base/address.ts';
import { MalformedName } from '../base/errors.ts';

/** Not 53, which needs a privilege; the container and the Service map it. */
const listenPortDefault = 1053;
const httpPortDefault = 8080;
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

import { isIPv6 } from 'node:net';
import { byteAt, putUint16 } from './bytes.ts';

/** Octets of the longest address. */
export const addressLengthMax = 16;

const zero = 0x30;
const nine = 0x39;
const dot = 0x2e;

/**
 * Writes the octets of an IP address in text to `out`, without allocating for IPv4.
 * @returns how many: 4 or 16; 0 for text that is no address
 */
export function writeAddress(text: string, out: Uint8Array): 0 | 4 | 16 {
  if (writeIPv4(text, 0, out, 0)) return 4;
  return isIPv6(text) && writeIPv6(text, out) ? 16 : 0;
}

/**
 * Whether 16 octets are an IPv4 address in IPv6 form, `::ffff:0:0/96`, as an IPv6 socket shows it
 * (RFC 4291 section 2.5.5.2); its octets are the last four.
 */
export function isMappedIPv4(bytes: Uint8Array, at: number): boolean {
  if (byteAt(bytes, at + 10) !== 0xff || byteAt(bytes, at + 11) !== 0xff) return false;
  for (let index = at; index < at + 10; index++) if (byteAt(bytes, index) !== 0) return false;
  return true;
}

/** Four decimal numbers from 0 to 255 from `from` to the end of the text. */
function writeIPv4(text: string, from: number, out: Uint8Array, outStart: number): boolean {
  let value = 0;
  let digits = 0;
  let parts = 0;
  for (let index = from; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= zero && code <= nine) {
      value = value * 10 + code - zero;
      digits++;
      if (value > 255 || digits > 3) return false;
    } else if (code === dot && digits > 0 && parts < 3) {
      out[outStart + parts] = value;
      parts++;
      value = 0;
      digits = 0;
    } else return false;
  }
  out[outStart + 3] = value;
  return parts === 3 && digits > 0;
}

/** Text that is known to be an IPv6 address; a zone (`%eth0`) is left out. */
function writeIPv6(text: string, out: Uint8Array): boolean {
  const bare = text.split('%', 1).join('');
  const lastColon = bare.lastIndexOf(':');
  const hasIPv4 = bare.includes('.');
  const groups = hasIPv4 ? `${bare.slice(0, lastColon + 1)}0:0` : bare;
  const [head = '', tail] = groups.split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  out.fill(0, 0, addressLengthMax);
  before.forEach((group, index) => putUint16(out, index * 2, parseInt(group, 16)));
  after.forEach((group, index) => {
    putUint16(out, addressLengthMax - (after.length - index) * 2, parseInt(group, 16));
  });
  return !hasIPv4 || writeIPv4(bare, lastColon + 1, out, addressLengthMax - 4);
}

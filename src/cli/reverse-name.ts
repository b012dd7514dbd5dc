import { isIP } from 'node:net';
import { MalformedAddress } from '../base/errors.ts';

/**
 * The name that holds the PTR records of an address (RFC 1035 section 3.5, RFC 3596 section 2.5).
 * @throws {MalformedAddress}
 */
export function reverseName(address: string): string {
  switch (isIP(address)) {
    case 4:
      return `${address.split('.').toReversed().join('.')}.in-addr.arpa.`;
    case 6:
      return `${ipv6Digits(address).split('').toReversed().join('.')}.ip6.arpa.`;
    default:
      throw new MalformedAddress(`"${address}" is no IP address`);
  }
}

/** The 32 hexadecimal digits of a valid IPv6 address. */
function ipv6Digits(address: string): string {
  const plain = address.replace(/%.*$/, '').replace(/\d+\.\d+\.\d+\.\d+$/, ipv4AsGroups);
  const [left = '', right] = plain.split('::');
  const groups = left === '' ? [] : left.split(':');
  if (right !== undefined) {
    const tail = right === '' ? [] : right.split(':');
    const missing = 8 - groups.length - tail.length;
    groups.push(...Array.from({ length: missing }, () => '0'), ...tail);
  }
  return groups.map((group) => group.padStart(4, '0')).join('');
}

/** `192.0.2.1` at the end of an IPv6 address as `c000:201`. */
function ipv4AsGroups(text: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

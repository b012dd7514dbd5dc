import { isMappedIPv4 } from './address-bytes.ts';
import { byteAt, uint16At } from './bytes.ts';

const groupCount = 8;

/**
 * The text of an address of 4 or 16 octets in network order (RFC 5952 for IPv6; an IPv4 address in
 * IPv6 form as `::ffff:192.0.2.1`).
 */
export function formatAddressOctets(bytes: Uint8Array, at: number, length: 4 | 16): string {
  if (length === 4) {
    return [0, 1, 2, 3].map((index) => String(byteAt(bytes, at + index))).join('.');
  }
  if (isMappedIPv4(bytes, at)) return `::ffff:${formatAddressOctets(bytes, at + 12, 4)}`;
  const groups = Array.from({ length: groupCount }, (_, index) => uint16At(bytes, at + index * 2));
  const gap = longestGap(groups);
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return gap.length < 2
    ? text(0, groupCount)
    : `${text(0, gap.start)}::${text(gap.start + gap.length, groupCount)}`;
}

/** The first of the longest runs of zeros. */
function longestGap(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let length = 0;
  groups.forEach((group, index) => {
    length = group === 0 ? length + 1 : 0;
    if (length > longest.length) longest = { start: index - length + 1, length };
  });
  return longest;
}

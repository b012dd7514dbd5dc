import { parseName } from '../dns/name.ts';

/** The name of the PTR records of an address of 4 or 16 octets (RFC 1035 3.5, RFC 3596 2.5). */
export function reverseName(octets: Buffer): Buffer {
  const labels = octets.length === 4 ? [...octets].map(String) : octets.toString('hex').split('');
  const zone = octets.length === 4 ? 'in-addr.arpa' : 'ip6.arpa';
  return parseName(`${labels.toReversed().join('.')}.${zone}`);
}

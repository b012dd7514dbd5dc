import { addressLengthMax, isMappedIPv4, writeAddress } from '../base/address-bytes.ts';
import { byteAt } from '../base/bytes.ts';

/** Leading bits of an address that make two clients one. */
export interface PrefixLengths {
  readonly ipv4PrefixLength: number;
  readonly ipv6PrefixLength: number;
}

const octets = new Uint8Array(addressLengthMax);

/**
 * What counts as one client, as the key of a map: the network of its address. An IPv4 address in IPv6
 * form is the IPv4 address; text that is no address stands for itself.
 */
export function clientPrefix(host: string, lengths: PrefixLengths): string {
  const length = writeAddress(host, octets);
  if (length === 0) return host;
  const isMapped = length === 16 && isMappedIPv4(octets, 0);
  const isIPv4 = length === 4 || isMapped;
  const bits = isIPv4 ? lengths.ipv4PrefixLength : lengths.ipv6PrefixLength;
  const start = isMapped ? addressLengthMax - 4 : 0;
  let key = isIPv4 ? '4' : '6';
  for (let index = 0; index * 8 < bits; index++) {
    const kept = Math.min(8, bits - index * 8);
    key += String.fromCharCode(byteAt(octets, start + index) & (0xff << (8 - kept)));
  }
  return key;
}

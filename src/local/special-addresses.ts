import { AddressSet } from '../base/address-set.ts';
import { parseNetwork } from '../base/network.ts';

/** IPv4 addresses that are not global (RFC 6890). */
const special = new AddressSet(
  [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.168.0.0/16',
  ].map(parseNetwork),
);

/** @param octets the four of an address */
export function isSpecialIPv4(octets: Uint8Array): boolean {
  return special.has(octets, 0, 4);
}

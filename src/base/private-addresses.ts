import { isMappedIPv4 } from './address-bytes.ts';
import { AddressSet } from './address-set.ts';
import { parseNetwork } from './network.ts';

/** Addresses that are not of the public (the registries of RFC 6890). */
const privateAddresses = new AddressSet(
  [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.168.0.0/16',
    '::/128',
    '::1/128',
    'fc00::/7',
    'fe80::/10',
  ].map(parseNetwork),
);

/** Whether an address of 4 or 16 octets is none of the public, an IPv4 address in IPv6 form included. */
export function isPrivateAddress(octets: Uint8Array, at: number, length: number): boolean {
  const isMapped = length === 16 && isMappedIPv4(octets, at);
  return privateAddresses.has(octets, isMapped ? at + 12 : at, isMapped ? 4 : length);
}

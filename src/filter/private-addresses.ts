import { AddressSet } from '../base/address-set.ts';
import { isMappedIPv4 } from '../base/address-bytes.ts';
import { uint16At } from '../base/bytes.ts';
import { parseNetwork } from '../base/network.ts';
import { recordType } from '../dns/codes.ts';
import { nameEnd } from '../dns/name.ts';
import { readRecords } from '../dns/records.ts';
import type { ReceivedRecord } from '../dns/records.ts';

/** What a name of the public must not lead a browser to (the registries of RFC 6890). */
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

/** Parameters of a service that hold addresses, and the octets of one (RFC 9460 section 7.3). */
const hintLengths = new Map([
  [4, 4],
  [6, 16],
]);

/** Whether a message gives any private address: in A, AAAA, or the hints of SVCB and HTTPS. */
export function givesPrivateAddress(wire: Buffer): boolean {
  if (uint16At(wire, 6) === 0) return false;
  return (readRecords(wire)?.answer ?? []).some((record) => hasPrivateAddress(wire, record));
}

function hasPrivateAddress(wire: Buffer, record: ReceivedRecord): boolean {
  const { type, rdataOffset, rdataLength } = record;
  switch (type) {
    case recordType.A:
      return rdataLength === 4 && isPrivate(wire, rdataOffset, 4);
    case recordType.AAAA:
      return rdataLength === 16 && isPrivate(wire, rdataOffset, 16);
    case recordType.SVCB:
    case recordType.HTTPS:
      return hasPrivateHint(wire, rdataOffset, rdataOffset + rdataLength);
    default:
      return false;
  }
}

/** @param length 4 or 16 octets */
export function isPrivate(octets: Uint8Array, at: number, length: number): boolean {
  const isMapped = length === 16 && isMappedIPv4(octets, at);
  return privateAddresses.has(octets, isMapped ? at + 12 : at, isMapped ? 4 : length);
}

/** Priority (2), target, and then parameters: key (2), length (2), value (RFC 9460 section 2.2). */
function hasPrivateHint(wire: Buffer, start: number, end: number): boolean {
  const targetEnd = nameEnd(wire, start + 2, end);
  if (targetEnd < 0) return false;
  for (let at = targetEnd; at + 4 <= end;) {
    const length = hintLengths.get(uint16At(wire, at));
    const valueAt = at + 4;
    const valueEnd = valueAt + uint16At(wire, at + 2);
    if (valueEnd > end) return false;
    for (let hint = valueAt; length !== undefined && hint + length <= valueEnd; hint += length) {
      if (isPrivate(wire, hint, length)) return true;
    }
    at = valueEnd;
  }
  return false;
}

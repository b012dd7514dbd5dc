import { uint16At } from '../base/bytes.ts';
import { isPrivateAddress } from '../base/private-addresses.ts';
import { recordType } from '../dns/codes.ts';
import { nameEnd } from '../dns/name.ts';
import { readRecords } from '../dns/records.ts';
import type { ReceivedRecord } from '../dns/records.ts';

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
      return rdataLength === 4 && isPrivateAddress(wire, rdataOffset, 4);
    case recordType.AAAA:
      return rdataLength === 16 && isPrivateAddress(wire, rdataOffset, 16);
    case recordType.SVCB:
    case recordType.HTTPS:
      return hasPrivateHint(wire, rdataOffset, rdataOffset + rdataLength);
    default:
      return false;
  }
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
      if (isPrivateAddress(wire, hint, length)) return true;
    }
    at = valueEnd;
  }
  return false;
}

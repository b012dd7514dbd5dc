import { recordType } from './codes.ts';
import { ttlMax } from './message.ts';
import { readRdata } from './rdata.ts';
import type { ReceivedRecord } from './records.ts';

/** Five 32-bit numbers follow the two names of an SOA record (RFC 1035 section 3.3.13). */
const soaNumbersLength = 20;
const minimumOffset = 16;

/** The MINIMUM field of an SOA record in seconds; undefined when the record is malformed. */
export function soaMinimum(message: Buffer, record: ReceivedRecord): number | undefined {
  if (record.type !== recordType.SOA) return undefined;
  const last = readRdata(message, record)?.at(-1);
  if (last === undefined || !('octets' in last)) return undefined;
  if (last.octets.length !== soaNumbersLength) return undefined;
  return Math.min(last.octets.readUInt32BE(minimumOffset), ttlMax);
}

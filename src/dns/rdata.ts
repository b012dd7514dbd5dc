import { byteAt } from '../base/bytes.ts';
import { recordType } from './codes.ts';
import { readName } from './records.ts';
import type { ReceivedRecord } from './records.ts';

/** RDATA in parts: octets that stay as they are, and names that may be compressed anew. */
export type RdataPart =
  { readonly octets: Buffer } | { readonly name: Buffer; readonly compressible: boolean };

/**
 * Where names stand in the RDATA of the types that may arrive compressed: those of RFC 1035, and
 * those that RFC 3597 section 4 tells receivers to decompress. `fixed` octets come first, then
 * `strings` character-strings, then `names` names. Only RFC 1035 types may be sent compressed.
 */
interface RdataLayout {
  readonly fixed: number;
  readonly strings: number;
  readonly names: number;
  readonly compressible: boolean;
}

function layout(fixed: number, names: number, compressible: boolean, strings = 0): RdataLayout {
  return { fixed, strings, names, compressible };
}

const layouts = new Map<number, RdataLayout>([
  [recordType.NS, layout(0, 1, true)],
  [recordType.MD, layout(0, 1, true)],
  [recordType.MF, layout(0, 1, true)],
  [recordType.CNAME, layout(0, 1, true)],
  [recordType.SOA, layout(0, 2, true)],
  [recordType.MB, layout(0, 1, true)],
  [recordType.MG, layout(0, 1, true)],
  [recordType.MR, layout(0, 1, true)],
  [recordType.PTR, layout(0, 1, true)],
  [recordType.MINFO, layout(0, 2, true)],
  [recordType.MX, layout(2, 1, true)],
  [recordType.RP, layout(0, 2, false)],
  [recordType.AFSDB, layout(2, 1, false)],
  [recordType.RT, layout(2, 1, false)],
  [recordType.PX, layout(2, 2, false)],
  [recordType.SRV, layout(6, 1, false)],
  [recordType.NAPTR, layout(4, 1, false, 3)],
  [recordType.KX, layout(2, 1, false)],
  [recordType.DNAME, layout(0, 1, false)],
]);

/** Skips `count` character-strings (RFC 1035 3.3); -1 past `end`. */
function skipStrings(message: Buffer, offset: number, end: number, count: number): number {
  let at = offset;
  for (let left = count; left > 0; left--) {
    if (at >= end) return -1;
    at += byteAt(message, at) + 1;
  }
  return at <= end ? at : -1;
}

/** Length of the name at `offset` as it stands, its pointer included. */
function storedLength(message: Buffer, offset: number): number {
  let at = offset;
  while (byteAt(message, at) !== 0) {
    if (byteAt(message, at) >= 0xc0) return at + 2 - offset;
    at += byteAt(message, at) + 1;
  }
  return at + 1 - offset;
}

/** The RDATA of a record in parts, its names expanded; undefined when it is malformed. */
export function readRdata(message: Buffer, record: ReceivedRecord): RdataPart[] | undefined {
  const end = record.rdataOffset + record.rdataLength;
  const shape = layouts.get(record.type);
  if (shape === undefined) return [{ octets: message.subarray(record.rdataOffset, end) }];
  const namesAt = skipStrings(message, record.rdataOffset + shape.fixed, end, shape.strings);
  if (namesAt < 0) return undefined;
  const parts: RdataPart[] = [{ octets: message.subarray(record.rdataOffset, namesAt) }];
  let at = namesAt;
  for (let left = shape.names; left > 0; left--) {
    const name = at < end ? readName(message, at) : undefined;
    if (name === undefined) return undefined;
    parts.push({ name, compressible: shape.compressible });
    at += storedLength(message, at);
  }
  if (at > end) return undefined;
  parts.push({ octets: message.subarray(at, end) });
  return parts;
}

/** The target of a CNAME or DNAME; undefined when its RDATA is malformed. */
export function targetOf(message: Buffer, record: ReceivedRecord): Buffer | undefined {
  for (const part of readRdata(message, record) ?? []) if ('name' in part) return part.name;
  return undefined;
}

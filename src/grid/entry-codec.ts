import type { Answer, AnswerKind } from '../dns/answer.ts';
import { encodeOptions, extendedErrorOption, extendedErrorsOf, readOptions } from '../dns/edns.ts';
import { flagResponse, headerLength } from '../dns/message.ts';
import { readRecords } from '../dns/records.ts';
import type { Disbelief, Seal } from './seal.ts';

/**
 * An answer in the grid, sealed (see `seal.ts`), in network order:
 *
 *      0  u8   format version
 *      1  u8   flags: two bits kind, 4: AD
 *      2  u16  length of the extended errors
 *      4  f64  grid time in milliseconds at which the TTLs in the answer were right
 *     12  u32  seconds that it may be served from then on
 *     16       extended errors as EDNS options, then the answer
 */
export const entryVersion = 1;
const entryHeadLength = 16;
const kindMask = 0x03;
const flagAuthenticData = 0x04;
const kinds: readonly AnswerKind[] = ['positive', 'nodata', 'nxdomain'];

/** An answer as it came from the grid. */
export interface GridEntry {
  readonly answer: Answer;
  /** On the clock of the grid. */
  readonly ttlsRightAtGridMs: number;
}

/** @param place map and key that the entry will lie under */
export function encodeEntry(place: string, entry: GridEntry, seal: Seal): Buffer {
  const { answer, ttlsRightAtGridMs } = entry;
  const errors = encodeOptions(answer.extendedErrors.map(extendedErrorOption));
  const head = Buffer.alloc(entryHeadLength);
  head[0] = entryVersion;
  head[1] = kinds.indexOf(answer.kind) | (answer.authenticData ? flagAuthenticData : 0);
  head.writeUInt16BE(errors.length, 2);
  head.writeDoubleBE(ttlsRightAtGridMs, 4);
  head.writeUInt32BE(answer.ttlSeconds, 12);
  return seal.seal(place, Buffer.concat([head, errors, answer.wire]));
}

/** The entry, its octets copied, or why it is not believed. */
export function decodeEntry(place: string, sealed: Buffer, seal: Seal): GridEntry | Disbelief {
  const payload = seal.open(place, sealed);
  if (typeof payload === 'string') return payload;
  if (payload.length < entryHeadLength) return 'malformed';
  if (payload.readUInt8(0) !== entryVersion) return 'version';
  const wireAt = entryHeadLength + payload.readUInt16BE(2);
  const errors = readOptions(payload.subarray(entryHeadLength, Math.min(wireAt, payload.length)));
  const flags = payload.readUInt8(1);
  const kind = kinds[flags & kindMask];
  const wire = Buffer.from(payload.subarray(wireAt));
  const ttlsRightAtGridMs = payload.readDoubleBE(4);
  if (errors === undefined || kind === undefined || !isAnswer(wire)) return 'malformed';
  if (!Number.isFinite(ttlsRightAtGridMs)) return 'malformed';
  const answer: Answer = {
    kind,
    wire,
    ttlSeconds: payload.readUInt32BE(12),
    authenticData: (flags & flagAuthenticData) !== 0,
    extendedErrors: extendedErrorsOf(errors),
  };
  return { answer, ttlsRightAtGridMs };
}

/** A response with one question and readable records up to its end: what the hot path relies on. */
function isAnswer(wire: Buffer): boolean {
  if (wire.length < headerLength || wire.readUInt8(2) !== flagResponse) return false;
  if (wire.readUInt16BE(10) !== 0) return false;
  return readRecords(wire)?.end === wire.length;
}

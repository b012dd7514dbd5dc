import type { Answer } from '../dns/answer.ts';
import { packedFlags, packExtras, unpackAnswer } from '../dns/packed-answer.ts';
import type { Disbelief, Seal } from './seal.ts';

/**
 * An answer in the grid, sealed (see `seal.ts`), in network order:
 *
 *      0  u8   format version
 *      1  u8   flags: two bits kind, 4: AD
 *      2  u16  length of what goes with it
 *      4  f64  grid time in milliseconds at which the TTLs in the answer were right
 *     12  u32  seconds that it may be served from then on
 *     16       extended errors and scope as EDNS options, then the answer
 */
export const entryVersion = 1;
const entryHeadLength = 16;

/** An answer as it came from the grid. */
export interface GridEntry {
  readonly answer: Answer;
  /** On the clock of the grid. */
  readonly ttlsRightAtGridMs: number;
}

/** @param place map and key that the entry will lie under */
export function encodeEntry(place: string, entry: GridEntry, seal: Seal): Buffer {
  const { answer, ttlsRightAtGridMs } = entry;
  const extras = packExtras(answer);
  const head = Buffer.alloc(entryHeadLength);
  head[0] = entryVersion;
  head[1] = packedFlags(answer);
  head.writeUInt16BE(extras.length, 2);
  head.writeDoubleBE(ttlsRightAtGridMs, 4);
  head.writeUInt32BE(answer.ttlSeconds, 12);
  return seal.seal(place, Buffer.concat([head, extras, answer.wire]));
}

/** The entry, its octets copied, or why it is not believed. */
export function decodeEntry(place: string, sealed: Buffer, seal: Seal): GridEntry | Disbelief {
  const payload = seal.open(place, sealed);
  if (typeof payload === 'string') return payload;
  if (payload.length < entryHeadLength) return 'malformed';
  if (payload.readUInt8(0) !== entryVersion) return 'version';
  const wireAt = entryHeadLength + payload.readUInt16BE(2);
  const ttlsRightAtGridMs = payload.readDoubleBE(4);
  const answer = unpackAnswer({
    flags: payload.readUInt8(1),
    ttlSeconds: payload.readUInt32BE(12),
    extras: payload.subarray(entryHeadLength, Math.min(wireAt, payload.length)),
    wire: Buffer.from(payload.subarray(wireAt)),
  });
  if (answer === undefined || !Number.isFinite(ttlsRightAtGridMs)) return 'malformed';
  return { answer, ttlsRightAtGridMs };
}

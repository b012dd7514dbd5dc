import type { AnswerKind } from '../dns/answer.ts';

/**
 * An entry as it lies in the arena, aligned to 8 octets. The numbers of the header are in the
 * order of the machine: the arena never leaves the process (a snapshot writes its own format).
 *
 *      0  u32  size of the whole entry, a multiple of 8
 *      4  u32  hash of the key
 *      8  f64  expiry in milliseconds of the monotonic clock
 *     16  f64  the moment at which the TTLs in the answer are right, in the same milliseconds
 *     24  u32  TTL in seconds when it was received
 *     28  u16  length of the answer
 *     30  u16  length of what goes with it
 *     32  u16  length of the key
 *     34  u8   flags
 *     35  u8   recent uses, 0 to 3: what eviction goes by
 *     36  u32  hits since it was stored
 *     40       key, answer, extended errors and scope as EDNS options
 */
export const headerBytes = 40;

export const sizeWord = 0;
export const hashWord = 1;
export const expiryDouble = 1;
export const ttlsRightDouble = 2;
export const ttlWord = 6;
export const answerLengthHalf = 14;
export const errorsLengthHalf = 15;
export const keyLengthHalf = 16;
export const flagsByte = 34;
export const usesByte = 35;
export const hitsWord = 9;

/** The two lowest bits of the flags: what the answer says. */
export const kindMask = 0x03;
export const flagAuthenticData = 0x04;
/** A refresh is under way or was asked for: not to be asked for again. */
export const flagRefreshing = 0x08;
/** Replaced or flushed; its room is won back when its turn comes. */
export const flagDead = 0x10;
/** No entry: the rest of the ring up to its end, too short for the entry that came. */
export const flagPadding = 0x20;

/** Not for the hot path: what becomes of the answer depends on who asks. */
export const flagForStages = 0x40;

/** The answer to a question on behalf of a subnet that is for everybody: its scope is 0. */
export const flagForEverybody = 0x80;

/** The kinds in the order of their number. */
export const answerKinds: readonly AnswerKind[] = ['positive', 'nodata', 'nxdomain'];

/** Recent uses are counted up to this: more would only make forgetting slower (S3-FIFO section 4). */
export const usesMax = 3;

/** Entries start at multiples of this, so that a reference of 32 bits reaches 32 GiB. */
export const alignmentBytes = 8;

/** Rounds up to the alignment. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / alignmentBytes) * alignmentBytes;
}

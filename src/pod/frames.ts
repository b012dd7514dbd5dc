import { byteAt, putUint16, putUint32, uint16At, uint32At } from '../base/bytes.ts';
import {
  freeFlagsMask,
  packedFlags,
  packErrors,
  packExtras,
  unpackAnswer,
  unpackErrors,
} from '../dns/packed-answer.ts';
import { isKey } from '../dns/question.ts';
import type { Layer, Outcome } from '../query/outcome.ts';
import { layers } from '../query/query-counters.ts';
import type { Query } from '../query/query.ts';

/*
 * What a worker asks its primary, and what that answers, in network order. Both begin with
 *
 *      0  u32  length of what follows
 *      4  u32  number of the ask, chosen by the worker
 *
 * An ask goes on with
 *
 *      8  u8   purpose: 0 client, 1 prefetch, 2 refresh
 *      9  u32  milliseconds since the query arrived
 *     13       key of the question
 *
 * and an outcome with
 *
 *      8  u8   kind: 0 answer, 1 failure, 2 drop
 *      9  u8   layer
 *     10  u8   flags of the answer: two bits kind, 4: AD, 8: authoritative, 16: stale
 *     11  u16  response code of a failure
 *     13  f64  seconds since the TTLs of the answer were right
 *     21  u32  lifetime of the answer from then on in seconds
 *     25  u32  TTL of a stale answer in seconds
 *     29  u16  length of the detail, or of the reason of a drop, in UTF-8
 *     31  u16  length of the extended errors of the outcome, as EDNS options
 *     33  u16  length of what goes with the answer, the same
 *     35       detail, errors, what goes with the answer, answer
 */

/** Octets of the length before each frame. */
export const frameHeadLength = 4;
/** An answer of 64 KiB, its errors, and what is said of it: an honest frame is never longer. */
export const frameBytesMax = 256 * 1024;
const askHeadLength = 13;
const outcomeHeadLength = 35;
/** Nobody reads more of it. */
const detailBytesMax = 1024;
const flagAuthoritative = 0x08;
const flagStale = 0x10;
const waitedMsMax = 0xffff_ffff;

const purposes: readonly Query['purpose'][] = ['client', 'prefetch', 'refresh'];
const outcomeKinds: readonly Outcome['kind'][] = ['answer', 'failure', 'drop'];

/** What a worker wants to know. */
export interface Ask {
  readonly number: number;
  readonly purpose: Query['purpose'];
  /** How long the client waits already. */
  readonly waitedMs: number;
  readonly key: Buffer;
}

export function encodeAsk({ number, purpose, waitedMs, key }: Ask): Buffer {
  const frame = Buffer.allocUnsafe(askHeadLength + key.length);
  putUint32(frame, 0, frame.length - frameHeadLength);
  putUint32(frame, 4, number);
  frame[8] = purposes.indexOf(purpose);
  putUint32(frame, 9, Math.min(waitedMsMax, Math.max(0, Math.round(waitedMs))));
  frame.set(key, askHeadLength);
  return frame;
}

/** Undefined when it is none of ours. The key is a copy. */
export function decodeAsk(frame: Buffer): Ask | undefined {
  if (frame.length <= askHeadLength) return undefined;
  const purpose = purposes[byteAt(frame, 8)];
  const key = Buffer.from(frame.subarray(askHeadLength));
  if (purpose === undefined || !isKey(key)) return undefined;
  return { number: uint32At(frame, 4), purpose, waitedMs: uint32At(frame, 9), key };
}

/** An outcome with the number of the ask that it is for. */
export interface NumberedOutcome {
  readonly number: number;
  readonly outcome: Outcome;
}

export function encodeOutcome({ number, outcome }: NumberedOutcome): Buffer {
  const head = Buffer.alloc(outcomeHeadLength);
  putUint32(head, 4, number);
  head[8] = outcomeKinds.indexOf(outcome.kind);
  const parts = outcome.kind === 'drop' ? [utf8(outcome.reason)] : fillHead(head, outcome);
  const [detail = nothing, errors = nothing, extras = nothing, wire = nothing] = parts;
  putUint16(head, 29, detail.length);
  putUint16(head, 31, errors.length);
  putUint16(head, 33, extras.length);
  const frame = Buffer.concat([head, detail, errors, extras, wire]);
  putUint32(frame, 0, frame.length - frameHeadLength);
  return frame;
}

const nothing: Buffer = Buffer.alloc(0);

/** @returns detail, errors, what goes with the answer, answer */
function fillHead(head: Buffer, outcome: Outcome & { kind: 'answer' | 'failure' }): Buffer[] {
  head[9] = layers.indexOf(outcome.layer);
  const parts = [utf8(outcome.detail ?? ''), packErrors(outcome.extendedErrors)];
  if (outcome.kind === 'failure') {
    putUint16(head, 11, outcome.code);
    return parts;
  }
  const { answer, ageSeconds, staleTtlSeconds, authoritative } = outcome;
  head[10] =
    packedFlags(answer) |
    (authoritative === true ? flagAuthoritative : 0) |
    (staleTtlSeconds === undefined ? 0 : flagStale);
  head.writeDoubleBE(ageSeconds, 13);
  putUint32(head, 21, answer.ttlSeconds);
  putUint32(head, 25, staleTtlSeconds ?? 0);
  return [...parts, packExtras(answer), answer.wire];
}

function utf8(text: string): Buffer {
  return Buffer.from(text, 'utf8').subarray(0, detailBytesMax);
}

/** Undefined when it is none of ours. All octets are copies. */
export function decodeOutcome(frame: Buffer): NumberedOutcome | undefined {
  if (frame.length < outcomeHeadLength) return undefined;
  const errorsAt = outcomeHeadLength + uint16At(frame, 29);
  const extrasAt = errorsAt + uint16At(frame, 31);
  const wireAt = extrasAt + uint16At(frame, 33);
  if (wireAt > frame.length) return undefined;
  const detail = frame.toString('utf8', outcomeHeadLength, errorsAt);
  const extendedErrors = unpackErrors(frame.subarray(errorsAt, extrasAt));
  const layer = layers[byteAt(frame, 9)];
  if (extendedErrors === undefined || layer === undefined) return undefined;
  const said = { layer, extendedErrors, ...(detail === '' ? {} : { detail }) };
  const outcome = outcomeFrom(frame, said, { detail, extrasAt, wireAt });
  return outcome === undefined ? undefined : { number: uint32At(frame, 4), outcome };
}

interface Said {
  readonly layer: Layer;
  readonly extendedErrors: (Outcome & { kind: 'failure' })['extendedErrors'];
  readonly detail?: string;
}

function outcomeFrom(
  frame: Buffer,
  said: Said,
  at: { readonly detail: string; readonly extrasAt: number; readonly wireAt: number },
): Outcome | undefined {
  switch (outcomeKinds[byteAt(frame, 8)]) {
    case 'drop':
      return { kind: 'drop', reason: at.detail };
    case 'failure':
      return { kind: 'failure', code: uint16At(frame, 11), ...said };
    case 'answer':
      return answerFrom(frame, said, at);
    default:
      return undefined;
  }
}

function answerFrom(
  frame: Buffer,
  said: Said,
  { extrasAt, wireAt }: { readonly extrasAt: number; readonly wireAt: number },
): Outcome | undefined {
  const flags = byteAt(frame, 10);
  const answer = unpackAnswer({
    flags: flags & ~freeFlagsMask,
    ttlSeconds: uint32At(frame, 21),
    extras: frame.subarray(extrasAt, wireAt),
    wire: Buffer.from(frame.subarray(wireAt)),
  });
  const ageSeconds = frame.readDoubleBE(13);
  if (answer === undefined || !(ageSeconds >= 0 && Number.isFinite(ageSeconds))) return undefined;
  return {
    kind: 'answer',
    answer,
    ageSeconds,
    ...said,
    ...((flags & flagStale) === 0 ? {} : { staleTtlSeconds: uint32At(frame, 25) }),
    ...((flags & flagAuthoritative) === 0 ? {} : { authoritative: true }),
  };
}

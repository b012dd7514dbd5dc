import type { Answer } from '../dns/answer.ts';
import { unpackExtras } from '../dns/packed-answer.ts';
import type { Arena } from './arena.ts';
import * as layout from './entry-layout.ts';

/** An entry of L1 as values of its own. */
export interface StoredEntry {
  readonly key: Buffer;
  /** Its TTLs are those of the moment `ttlsRightAtMs`. */
  readonly answer: Answer;
  readonly ttlsRightAtMs: number;
  readonly expiresAtMs: number;
  readonly hits: number;
}

/** Copies an entry out of the arena. */
export function readEntry(arena: Arena, entry: number): StoredEntry {
  const answerStart = arena.answerStart(entry);
  const answerEnd = answerStart + arena.answerLength(entry);
  const extras = arena.bytes.subarray(answerEnd, answerEnd + arena.errorsLength(entry));
  const flags = arena.flags(entry);
  return {
    key: Buffer.from(arena.bytes.subarray(arena.keyStart(entry), answerStart)),
    answer: {
      kind: layout.answerKinds[flags & layout.kindMask] ?? 'positive',
      wire: Buffer.from(arena.bytes.subarray(answerStart, answerEnd)),
      ttlSeconds: arena.ttlSeconds(entry),
      authenticData: (flags & layout.flagAuthenticData) !== 0,
      ...((flags & layout.flagForEverybody) === 0 ? {} : { scopeBits: 0 }),
      ...((extras.length === 0 ? undefined : unpackExtras(extras)) ?? { extendedErrors: [] }),
    },
    ttlsRightAtMs: arena.ttlsRightAtMs(entry),
    expiresAtMs: arena.expiresAtMs(entry),
    hits: arena.hits(entry),
  };
}

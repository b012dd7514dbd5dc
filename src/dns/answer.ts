import type { ExtendedError } from './edns.ts';

/** What an answer says of its question (RFC 2308 section 2). */
export type AnswerKind = 'positive' | 'nodata' | 'nxdomain';

/**
 * A complete answer as Heimdall keeps it: checked, stripped of what does not belong, compressed.
 * Immutable: whoever patches it makes a copy first.
 */
export interface Answer {
  readonly kind: AnswerKind;
  /**
   * Header with id 0 and the flags QR and RA, the question in lower case, answer and authority
   * section. No additional section. TTLs in seconds as of the moment the answer was received.
   */
  readonly wire: Buffer;
  /** How long it may be served from then on; 0: not to be kept. */
  readonly ttlSeconds: number;
  /** The upstream set AD and is trusted to (RFC 6840 section 5.8). */
  readonly authenticData: boolean;
  /** Extended errors that came with it, passed on. */
  readonly extendedErrors: readonly ExtendedError[];
  /**
   * Of a question on behalf of a subnet: how many bits of its address the answer depends on, 0 for
   * one that is for everybody (RFC 7871 section 7.3).
   */
  readonly scopeBits?: number;
}

/** An answer and the seconds since its TTLs were right, wherever it spent them. */
export interface AgedAnswer {
  readonly answer: Answer;
  readonly ageSeconds: number;
}

/**
 * Whether an NXDOMAIN is about the question's own name, so that it holds for every type. With
 * aliases in it, it is about another name, and holds for the type asked only (RFC 6604 section 3).
 */
export function isPlainNxdomain(answer: Answer): boolean {
  return answer.kind === 'nxdomain' && answer.wire.readUInt16BE(6) === 0;
}

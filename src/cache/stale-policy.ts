import { BoundedMap } from '../base/bounded-map.ts';
import type { AgedAnswer } from '../dns/answer.ts';
import { extendedErrorCode } from '../dns/codes.ts';
import type { ExtendedError } from '../dns/edns.ts';
import type { QuestionKey } from '../dns/question.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';

/** Serve-stale (RFC 8767 section 5). */
export interface StalePolicy {
  readonly enabled: boolean;
  /** How long after its expiry an answer may still be served. */
  readonly staleSecondsMax: number;
  /** TTL in a stale answer. */
  readonly answerTtlSeconds: number;
  /** How long a client waits for a fresh answer before it gets the stale one. */
  readonly clientTimeoutMs: number;
  /** How long after a failed refresh stale answers go out without another attempt. */
  readonly recheckSeconds: number;
}

/** Questions whose refresh failed lately; as many as failures are remembered. */
const recheckEntriesMax = 20_000;

/** Which questions are not to be refreshed for now, because that failed a moment ago. */
export class RecheckTimes {
  readonly #notBeforeMs = new BoundedMap<QuestionKey, number>(recheckEntriesMax);

  isTooEarly(key: QuestionKey, nowMs: number): boolean {
    return nowMs < (this.#notBeforeMs.get(key) ?? Number.NEGATIVE_INFINITY);
  }

  postpone(key: QuestionKey, untilMs: number): void {
    this.#notBeforeMs.set(key, untilMs);
  }

  forget(key: QuestionKey): void {
    this.#notBeforeMs.delete(key);
  }

  clear(): void {
    this.#notBeforeMs.clear();
  }
}

/** A prefetch wants a newer answer than the one that is about to expire: one in its first half. */
export function isFreshFor({ purpose }: Query, { answer, ageSeconds }: AgedAnswer): boolean {
  const share = purpose === 'prefetch' ? 0.5 : 1;
  return ageSeconds < answer.ttlSeconds * share;
}

/** Whether an answer that expired so long ago may still be served. */
export function isUsableStale(expiredForMs: number, policy: StalePolicy): boolean {
  return policy.enabled && expiredForMs <= policy.staleSecondsMax * 1000;
}

/** The stale answer, marked as such (RFC 8914 section 4.4 and 4.20), with the reason if there is one. */
export function staleOutcome(
  { answer, ageSeconds }: AgedAnswer,
  policy: StalePolicy,
  reasons: readonly ExtendedError[],
): Outcome {
  const code =
    answer.kind === 'nxdomain'
      ? extendedErrorCode.STALE_NXDOMAIN_ANSWER
      : extendedErrorCode.STALE_ANSWER;
  return {
    kind: 'answer',
    answer,
    ageSeconds,
    staleTtlSeconds: policy.answerTtlSeconds,
    extendedErrors: [{ code, text: '' }, ...reasons],
    layer: 'stale',
  };
}

import { BoundedMap } from '../base/bounded-map.ts';
import type { QuestionKey } from '../dns/question.ts';
import type { Outcome } from '../query/outcome.ts';

/** Questions whose failure is remembered; an attacker's random names push out each other only. */
const entriesMax = 20_000;

/** How long failures are remembered (RFC 9520 section 3.2: at least 1 s, at most 5 minutes). */
export interface FailurePolicy {
  readonly failureTtlSeconds: number;
  readonly failureTtlMaxSeconds: number;
}

interface Failed {
  readonly outcome: Outcome & { kind: 'failure' };
  readonly failedAtMs: number;
  readonly retryAtMs: number;
  readonly failuresInARow: number;
}

/**
 * Resolution failures, apart from the answers, so that a failure never takes the place of an
 * answer. Each further failure of a question doubles the time for which it is not asked again.
 */
export class FailureCache {
  readonly #failed = new BoundedMap<QuestionKey, Failed>(entriesMax);
  #policy: FailurePolicy;

  constructor(policy: FailurePolicy) {
    this.#policy = policy;
  }

  get size(): number {
    return this.#failed.size;
  }

  setPolicy(policy: FailurePolicy): void {
    this.#policy = policy;
  }

  /**
   * The failure of a question that must not be asked again yet.
   * @param memoryMs how long ago it may be at most, where somebody forgets sooner
   */
  current(
    key: QuestionKey,
    nowMs: number,
    memoryMs = Number.POSITIVE_INFINITY,
  ): (Outcome & { kind: 'failure' }) | undefined {
    const failed = this.#failed.get(key);
    if (failed === undefined || nowMs >= failed.retryAtMs) return undefined;
    return nowMs - failed.failedAtMs < memoryMs ? failed.outcome : undefined;
  }

  note(key: QuestionKey, outcome: Outcome & { kind: 'failure' }, nowMs: number): void {
    const failuresInARow = (this.#failed.get(key)?.failuresInARow ?? 0) + 1;
    const { failureTtlSeconds, failureTtlMaxSeconds } = this.#policy;
    const seconds = Math.min(failureTtlSeconds * 2 ** (failuresInARow - 1), failureTtlMaxSeconds);
    const retryAtMs = nowMs + seconds * 1000;
    this.#failed.set(key, { outcome, failuresInARow, failedAtMs: nowMs, retryAtMs });
  }

  forget(key: QuestionKey): void {
    this.#failed.delete(key);
  }

  clear(): void {
    this.#failed.clear();
  }
}

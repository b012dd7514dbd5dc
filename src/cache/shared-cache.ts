import type { Answer } from '../dns/answer.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';

/** An answer that another replica fetched. */
export interface SharedAnswer {
  readonly answer: Answer;
  /** Whole seconds since its TTLs were right, wherever it spent them. */
  readonly ageSeconds: number;
}

/**
 * Port of L2, the cache that all replicas share. A driver bounds every call in time and never
 * rejects: whatever goes wrong is a miss, counted by the driver.
 */
export interface SharedCache {
  look(key: Buffer): Promise<SharedAnswer | undefined>;
  /** Shares an answer behind the client's; returns at once. */
  share(key: Buffer, answer: Answer, ageSeconds: number): void;
}

/** No grid: every look is a miss, nothing is shared. */
export const noSharedCache: SharedCache = {
  look: () => Promise.resolve(undefined),
  share: () => undefined,
};

/** L2: one look for each flight, and each fetched answer offered to the other replicas. */
export class SharedCacheStage implements Stage {
  readonly name = 'shared-cache';
  readonly #shared: SharedCache;

  constructor(shared: SharedCache) {
    this.#shared = shared;
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    if (query.purpose === 'client') {
      const found = await this.#shared.look(query.key);
      if (found !== undefined && found.ageSeconds < found.answer.ttlSeconds) {
        return {
          kind: 'answer',
          ...found,
          extendedErrors: found.answer.extendedErrors,
          layer: 'l2',
        };
      }
    }
    const outcome = await next(query);
    if (outcome.kind === 'answer') {
      this.#shared.share(query.key, outcome.answer, outcome.ageSeconds);
    }
    return outcome;
  }
}

import { freshOutcome } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import type { RecallStage } from './recall-stage.ts';
import { isFreshFor } from './stale-policy.ts';
import type { SharedCache } from './shared-cache.ts';

/**
 * L2: one look for each flight, and each fetched answer offered to the other replicas. A stale
 * answer of L2 serves as one of L1 would (RFC 8767): a replica with an empty L1 has it too.
 */
export class SharedCacheStage implements Stage {
  readonly name = 'shared-cache';
  readonly #shared: SharedCache;
  readonly #recall: RecallStage;

  constructor(shared: SharedCache, recall: RecallStage) {
    this.#shared = shared;
    this.#recall = recall;
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    const found = await this.#shared.look(query.key);
    if (found !== undefined && isFreshFor(query, found)) return freshOutcome(found, 'l2');
    if (found === undefined || query.purpose !== 'client') return this.#fetch(query, next);
    return this.#recall.freshOrStale(query, found, (refresh) => this.#fetch(refresh, next));
  }

  async #fetch(query: Query, next: Next): Promise<Outcome> {
    const outcome = await next(query);
    if (outcome.kind === 'answer' && outcome.layer === 'upstream') {
      this.#shared.share(query.key, outcome.answer, outcome.ageSeconds);
    }
    return outcome;
  }
}

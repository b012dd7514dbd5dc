import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import type { Lease } from './lease.ts';

/**
 * One upstream query for one question in the whole cluster: the holder of the lease asks, the
 * others take its outcome, and ask for themselves when their wait was in vain.
 */
export class LeaseStage implements Stage {
  readonly name = 'lease';
  readonly #lease: Lease;

  constructor(lease: Lease) {
    this.#lease = lease;
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    const result = await this.#lease.acquire(query.key);
    if (result.kind === 'unavailable') return next(query);
    if (result.kind === 'held') return (await result.outcome) ?? next(query);
    const outcome = await next(query);
    result.settle(outcome);
    return outcome;
  }
}

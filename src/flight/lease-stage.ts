import { freshOutcome } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import type { Lease, LeaseWon } from './lease.ts';

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
    const resolution = result.kind === 'held' ? await result.resolution : result;
    if (resolution.kind === 'answer') return freshOutcome(resolution.found, 'l2');
    if (resolution.kind === 'outcome') return resolution.outcome;
    return resolution.kind === 'won' ? askAndSettle(resolution, query, next) : next(query);
  }
}

async function askAndSettle(won: LeaseWon, query: Query, next: Next): Promise<Outcome> {
  const outcome = await next(query);
  won.settle(outcome);
  return outcome;
}

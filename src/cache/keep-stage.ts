import type { Clock } from '../base/clock.ts';
import { freshOutcome } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import type { AnswerCache } from './answer-cache.ts';
import type { FailureCache } from './failure-cache.ts';

/**
 * L1 on the way up, inside the flight: each fetched answer is kept once, however many wait for it.
 *
 * It looks at the cache once more before it passes the query on. Query B may miss L1 while the
 * flight of query A is under way, and reach the flight stage just after A's flight has ended and
 * its answer was kept: without the second look B would start a second flight for an answer that
 * is already there.
 */
export class KeepStage implements Stage {
  readonly name = 'keep';
  readonly #cache: AnswerCache;
  readonly #failures: FailureCache;
  readonly #clock: Clock;

  constructor(cache: AnswerCache, failures: FailureCache, clock: Clock) {
    this.#cache = cache;
    this.#failures = failures;
    this.#clock = clock;
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    const kept = query.purpose === 'client' ? this.#lookAgain(query) : undefined;
    if (kept !== undefined) return kept;
    const outcome = await next(query);
    const nowMs = this.#clock.nowMs();
    if (outcome.kind === 'answer') {
      this.#failures.forget(query.keyText);
      this.#cache.keep(query.key, outcome.answer, nowMs, outcome.ageSeconds);
    } else if (outcome.kind === 'failure') {
      this.#failures.note(query.keyText, outcome, nowMs);
      this.#cache.refreshFailed(query.key);
    }
    return outcome;
  }

  #lookAgain(query: Query): Outcome | undefined {
    const found = this.#cache.recall(query.key, this.#clock.nowMs(), false);
    if (found === undefined || found.expiredForMs >= 0) return undefined;
    return freshOutcome({ answer: found.entry.answer, ageSeconds: found.ageSeconds }, 'l1');
  }
}

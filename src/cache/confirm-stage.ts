import type { AnswerKind } from '../dns/answer.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';

/** Whether something popular, not long ago, said more than an answer of this kind does now. */
export type HasKnownGood = (query: Query, kind: AnswerKind) => boolean;

/** How much there is of a name. */
const worth: Readonly<Record<AnswerKind, number>> = { nxdomain: 0, nodata: 1, positive: 2 };

/** What came of second opinions, read at scrape. */
export interface Confirmations {
  /** Another upstream says the same. */
  readonly confirmed: number;
  /** Another upstream still has more to say: its answer is used. */
  readonly overruled: number;
  /** No other upstream answered. */
  readonly unconfirmed: number;
}

/**
 * Last known good: where an upstream says all of a sudden that a popular name, or its records, are
 * not there, another upstream is asked before that takes the place of the good answer. It stands
 * right above the upstreams, so that one replica does it for all, and what others get of it through
 * L2 is confirmed.
 */
export class ConfirmStage implements Stage {
  readonly name = 'confirm';
  readonly #hasKnownGood: HasKnownGood;
  #confirmed = 0;
  #overruled = 0;
  #unconfirmed = 0;

  constructor(hasKnownGood: HasKnownGood) {
    this.#hasKnownGood = hasKnownGood;
  }

  figures(): Confirmations {
    return {
      confirmed: this.#confirmed,
      overruled: this.#overruled,
      unconfirmed: this.#unconfirmed,
    };
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    const outcome = await next(query);
    if (outcome.kind !== 'answer' || outcome.detail === undefined) return outcome;
    const { kind } = outcome.answer;
    if (kind === 'positive' || !this.#hasKnownGood(query, kind)) return outcome;
    const second = await next({ ...query, doubted: outcome.detail });
    if (second.kind !== 'answer') {
      this.#unconfirmed++; // who does not answer proves nothing: the first opinion holds
      return outcome;
    }
    const isOverruled = worth[second.answer.kind] > worth[kind];
    if (isOverruled) this.#overruled++;
    else this.#confirmed++;
    return isOverruled ? second : outcome;
  }
}

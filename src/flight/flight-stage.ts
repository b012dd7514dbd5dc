import { ChurningMap } from '../base/churning-map.ts';
import type { QuestionKey } from '../dns/question.ts';
import { extendedErrorCode, responseCode } from '../dns/codes.ts';
import { failure } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';

/** Plain counters, read at scrape. */
export interface FlightFigures {
  readonly inProgress: number;
  readonly joined: number;
  readonly refused: number;
}

/**
 * Single flight: of equal questions at the same time one is fetched, and all get its outcome.
 * Every flight ends, because the stages below have one budget of time; the entry is removed in
 * `finally`, so a fault below leaves no waiter behind.
 */
export class FlightStage implements Stage {
  readonly name = 'flight';
  readonly #flights = new ChurningMap<QuestionKey, Promise<Outcome>>();
  readonly #flightsMax: number;
  #joined = 0;
  #refused = 0;

  constructor(flightsMax: number) {
    this.#flightsMax = flightsMax;
  }

  figures(): FlightFigures {
    return { inProgress: this.#flights.size, joined: this.#joined, refused: this.#refused };
  }

  handle(query: Query, next: Next): Promise<Outcome> {
    const under = this.#flights.get(query.keyText);
    if (under !== undefined) {
      this.#joined++;
      return under;
    }
    if (this.#flights.size >= this.#flightsMax) {
      this.#refused++;
      return Promise.resolve(tooManyFlights);
    }
    const flight = this.#fly(query, next);
    this.#flights.set(query.keyText, flight);
    return flight;
  }

  async #fly(query: Query, next: Next): Promise<Outcome> {
    try {
      return await next(query);
    } finally {
      this.#flights.delete(query.keyText);
    }
  }
}

const tooManyFlights = failure(responseCode.SERVFAIL, 'failure', {
  code: extendedErrorCode.OTHER,
  text: 'too many different questions in flight',
});

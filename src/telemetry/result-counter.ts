import type { Clock } from '../base/clock.ts';
import { LabelCounter } from './label-counter.ts';

/** Counts how often something that is repeated went well or not, and when it last went well. */
export class ResultCounter {
  readonly results = new LabelCounter<'success' | 'failure'>(['success', 'failure']);
  readonly #clock: Clock;
  #lastSuccessWallMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Unix time in milliseconds; undefined before the first success. */
  get lastSuccessWallMs(): number | undefined {
    return this.#lastSuccessWallMs;
  }

  succeeded(): void {
    this.results.count('success');
    this.#lastSuccessWallMs = this.#clock.wallMs();
  }

  failed(): void {
    this.results.count('failure');
  }
}

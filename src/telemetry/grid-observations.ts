import type { CallOutcome, GridObserver, GridOperation } from '../grid/grid-caller.ts';
import { DurationHistogram } from './duration-histogram.ts';
import type { Log } from './log.ts';

/** From a call on the same machine to the longest deadline. */
export const operationBoundsSeconds: readonly number[] = [
  0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1,
];

/** Calls to the grid, one sample each; the labels have a fixed list of values. */
export class GridObservations implements GridObserver {
  readonly #log: Log;
  readonly #histograms = new Map<string, ObservedOperation>();

  constructor(log: Log) {
    this.#log = log;
  }

  operationEnded(operation: GridOperation, outcome: CallOutcome, seconds: number): void {
    const key = `${operation} ${outcome}`;
    let observed = this.#histograms.get(key);
    if (observed === undefined) {
      const histogram = new DurationHistogram(operationBoundsSeconds);
      observed = { operation, outcome, histogram };
      this.#histograms.set(key, observed);
    }
    observed.histogram.observe(seconds);
  }

  breakerChanged(member: string, isOpen: boolean): void {
    if (isOpen) this.#log.warn('a member of the grid is slow: it is left out', { member });
    else this.#log.info('a member of the grid answers again', { member });
  }

  observed(): IterableIterator<ObservedOperation> {
    return this.#histograms.values();
  }
}

/** All calls of one kind that ended one way. */
export interface ObservedOperation {
  readonly operation: GridOperation;
  readonly outcome: CallOutcome;
  readonly histogram: DurationHistogram;
}

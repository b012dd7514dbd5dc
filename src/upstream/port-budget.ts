import type { Clock } from '../base/clock.ts';

/** What may be spent at once after a pause, as a share of a second's budget. */
const burstSeconds = 0.2;

/**
 * How many fresh ports may be taken: each costs a socket, some 15 microseconds. While there is
 * something left, every turn of the event loop has a port of its own.
 */
export class PortBudget {
  readonly #clock: Clock;
  readonly #perSecond: () => number;
  #left = 0;
  #countedAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, perSecond: () => number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** @returns whether there was one left */
  take(): boolean {
    const nowMs = this.#clock.nowMs();
    const perSecond = this.#perSecond();
    const burst = Math.ceil(perSecond * burstSeconds);
    const earned = ((nowMs - this.#countedAtMs) / 1000) * perSecond;
    this.#left = Math.min(burst, this.#left + earned);
    this.#countedAtMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

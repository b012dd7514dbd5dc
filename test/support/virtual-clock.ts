import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Timer } from '../../src/base/clock.ts';

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

/**
 * A clock that stands still until it is told to go on. Timers run in the order of their time, equal
 * ones in the order in which they were set, and all promises settle between two timers.
 */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #wallStartMs: number;
  readonly #pending = new Set<Pending>();

  /** @param wallStartMs what `wallMs` says at the start; by default 2026-01-01. */
  constructor(wallStartMs: number = Date.UTC(2026, 0, 1)) {
    this.#wallStartMs = wallStartMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallStartMs + this.#nowMs;
  }

  setTimer(delayMs: number, task: () => void): Timer {
    const pending = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, task };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** How many timers wait: 0 after everything was stopped. */
  get timersPending(): number {
    return this.#pending.size;
  }

  /** Lets `ms` milliseconds pass. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await this.settle();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#pending.delete(next);
      this.#nowMs = next.dueMs;
      next.task();
      await this.settle();
    }
    this.#nowMs = endMs;
  }

  /** Lets every promise that can settle do so; no time passes. */
  async settle(): Promise<void> {
    await nextTurn();
  }

  #next(endMs: number): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending) {
      if (pending.dueMs > endMs) continue;
      if (first === undefined || isBefore(pending, first)) first = pending;
    }
    return first;
  }
}

function isBefore(one: Pending, other: Pending): boolean {
  return one.dueMs === other.dueMs ? one.order < other.order : one.dueMs < other.dueMs;
}

import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { AnswerStore, ReturnMemory } from './answer-store.ts';

/** How often memory is looked at: a queue of entries fills slower, and a look takes microseconds. */
const lookIntervalMs = 1000;
/** The part of its memory that the cache keeps whatever happens: without any it would ask for all. */
const shareMin = 1 / 8;
/** What it gives away at one look at most, so that a short peak does not cost all of it. */
const stepDownMax = 1 / 8;
/** And at least, or it would take many looks to notice. */
const stepDownMin = 1 / 64;
/** What it gets back at one look: a minute from the least to all. */
const stepUp = 1 / 64;
/** Below this part of the ceiling the cache grows again; in between everything stays. */
const recoveredShare = 0.9;

export interface MemoryCeilingParts {
  readonly clock: Clock;
  /** Octets of memory that this process may take before its cache gives way. */
  readonly bytesMax: number;
  readonly residentBytes: () => number;
  readonly returnMemory: ReturnMemory;
  readonly observer: MemoryObserver;
}

export interface MemoryObserver {
  /** The process is above its ceiling, and the cache was whole until now. */
  shortened(residentBytes: number): void;
  /** The cache has all of its memory again. */
  restored(residentBytes: number): void;
}

/**
 * Lets the cache give way when the process takes too much memory, whatever takes it: a smaller cache
 * costs some queries to upstreams, an end by the kernel costs all clients everything. Nobody is
 * refused for it.
 */
export class MemoryCeiling {
  readonly bytesMax: number;
  readonly #store: AnswerStore;
  readonly #parts: MemoryCeilingParts;
  #share = 1;
  #looks: Timer | undefined;
  /** The next step of what is being evicted. */
  #shedding: Timer | undefined;

  constructor(store: AnswerStore, parts: MemoryCeilingParts) {
    this.#store = store;
    this.#parts = parts;
    this.bytesMax = parts.bytesMax;
  }

  start(): void {
    this.#looks = repeat(this.#parts.clock, lookIntervalMs, () => this.#look());
  }

  stop(): void {
    this.#looks?.cancel();
    this.#shedding?.cancel();
  }

  /** While a step is under way it has not shown yet what it does for the memory. */
  #look(): void {
    if (this.#shedding !== undefined) return;
    const residentBytes = this.#parts.residentBytes();
    if (residentBytes > this.bytesMax) this.#giveWay(residentBytes);
    else if (residentBytes < this.bytesMax * recoveredShare) this.#recover(residentBytes);
    // What entries were moved away from, or were flushed, since the last look.
    if (this.#share < 1) this.#shed();
  }

  #giveWay(residentBytes: number): void {
    const { entryBytesMax } = this.#store;
    const beyond = (residentBytes - this.bytesMax) / entryBytesMax;
    const step = Math.min(stepDownMax, Math.max(stepDownMin, beyond));
    const used = this.#store.figures().sizeBytes / entryBytesMax;
    const wasWhole = this.#share === 1;
    this.#setShare(Math.max(shareMin, Math.min(this.#share, used) - step));
    if (wasWhole) this.#parts.observer.shortened(residentBytes);
  }

  #recover(residentBytes: number): void {
    if (this.#share === 1) return;
    this.#setShare(Math.min(1, this.#share + stepUp));
    if (this.#share === 1) this.#parts.observer.restored(residentBytes);
  }

  #setShare(share: number): void {
    this.#share = share;
    this.#store.setShare(share);
  }

  /** Step by step, each in a turn of its own, so that queries are answered in between. */
  #shed(): void {
    this.#shedding = undefined;
    if (!this.#store.shedSome(this.#parts.returnMemory)) return;
    this.#shedding = this.#parts.clock.setTimer(0, () => this.#shed());
  }
}

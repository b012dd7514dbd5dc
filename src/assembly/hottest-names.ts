import { sleep } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import type { AnswerCache, HotKey } from '../cache/answer-cache.ts';

/** Entries looked at between two turns of the event loop: about 50 ns each. */
const entriesPerSlice = 10_000;
/** In a large cache, what is not older is not looked for again. */
const freshMs = 30_000;

/** What the cache is asked for most, looked for beside the queries: it may hold millions of entries. */
export class HottestNames {
  readonly #cache: AnswerCache;
  readonly #clock: Clock;
  readonly #keysMax: number;
  #found: readonly HotKey[] = [];
  #foundAtMs = Number.NEGATIVE_INFINITY;
  #search: Promise<void> | undefined;

  constructor(cache: AnswerCache, clock: Clock, keysMax: number) {
    this.#cache = cache;
    this.#clock = clock;
    this.#keysMax = keysMax;
  }

  /** As of the last search; begins another one when that is a while ago. */
  get latest(): readonly HotKey[] {
    void this.refresh();
    return this.#found;
  }

  /** Resolves when what {@link latest} tells is fresh. */
  refresh(): Promise<void> {
    const isFresh = this.#clock.nowMs() - this.#foundAtMs < freshMs;
    if (isFresh && !this.#isSmall) return Promise.resolve();
    this.#search ??= this.#look().finally(() => {
      this.#search = undefined;
    });
    return this.#search;
  }

  /** Then it is looked through in one go. */
  get #isSmall(): boolean {
    return this.#cache.figures().entries <= entriesPerSlice;
  }

  async #look(): Promise<void> {
    const search = this.#cache.hottest(this.#keysMax, entriesPerSlice);
    let step = search.next();
    while (step.done !== true) {
      if (!this.#isSmall) await sleep(this.#clock, 0);
      step = search.next();
    }
    this.#found = step.value;
    this.#foundAtMs = this.#clock.nowMs();
  }
}

import type { Clock } from '../base/clock.ts';
import { ownQuery } from '../query/own-query.ts';
import type { Query } from '../query/query.ts';
import type { Next } from '../query/stage.ts';
import type { AnswerCache } from './answer-cache.ts';
import type { FailureCache } from './failure-cache.ts';

/** Refreshes under way at a time: a cache full of names that expire together must not flood upstreams. */
const prefetchesMax = 100;

/** Plain counters, read at scrape. */
export interface PrefetchFigures {
  readonly prefetches: number;
  readonly prefetchesFailed: number;
}

/**
 * Asks for popular answers before they expire; the old one is served until the new one is there.
 * After a failure the next hit asks again, but not while the failure is remembered (RFC 9520
 * section 3.2): hits are many, and each would send a question to an upstream in trouble.
 */
export class Prefetcher {
  readonly #cache: AnswerCache;
  readonly #failures: FailureCache;
  readonly #fetch: Next;
  readonly #clock: Clock;
  #inProgress = 0;
  #succeeded = 0;
  #failed = 0;

  /** @param fetch the stages below the cache */
  constructor(cache: AnswerCache, failures: FailureCache, fetch: Next, clock: Clock) {
    this.#cache = cache;
    this.#failures = failures;
    this.#fetch = fetch;
    this.#clock = clock;
    cache.onRefreshDue((key) => this.#begin(key));
  }

  figures(): PrefetchFigures {
    return { prefetches: this.#succeeded, prefetchesFailed: this.#failed };
  }

  #begin(key: Buffer): void {
    const nowMs = this.#clock.nowMs();
    const query = ownQuery(key, 'prefetch', nowMs);
    const hasFailed = this.#failures.current(query.keyText, nowMs) !== undefined;
    if (hasFailed || this.#inProgress >= prefetchesMax) {
      this.#cache.refreshFailed(key);
      return;
    }
    this.#inProgress++;
    void this.#refresh(key, query);
  }

  async #refresh(key: Buffer, query: Query): Promise<void> {
    try {
      const outcome = await this.#fetch(query);
      if (outcome.kind === 'answer') this.#succeeded++;
      else this.#fail(key);
    } catch {
      this.#fail(key); // a defect below is reported for the queries of clients
    } finally {
      this.#inProgress--;
    }
  }

  #fail(key: Buffer): void {
    this.#failed++;
    this.#cache.refreshFailed(key);
  }
}

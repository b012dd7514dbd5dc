import { access } from 'node:fs/promises';
import type { Timer } from '../base/clock.ts';
import { describeError, ListRefused } from '../base/errors.ts';
import { copyPath } from './list-copies.ts';
import { ListRenewal } from './list-renewal.ts';
import type { RenewalDependencies, RenewalOptions, RenewalResult } from './list-renewal.ts';
import type { ListFormat } from './list-parser.ts';

/** A list with parts that lie elsewhere. */
export interface FetchedList {
  readonly name: string;
  readonly urls: readonly string[];
  readonly format: ListFormat;
}

export interface FetchingOptions extends RenewalOptions {
  readonly lists: readonly FetchedList[];
}

/** How the look at one URL went. */
export interface FetchReport {
  readonly list: string;
  readonly url: string;
  readonly result: RenewalResult | 'failure';
  readonly error?: ListRefused;
}

export interface FetchingDependencies extends RenewalDependencies {
  /** Told of each look, when a new copy is in its place; the next look waits for it. */
  readonly onFetched: (report: FetchReport) => Promise<void>;
}

/** After a failure the next try is this much later, doubling up to the interval. */
const retryMinMs = 30_000;

/**
 * Keeps copies of the lists that lie elsewhere as they are there: looked at when it starts and at
 * an interval, one after the other. A copy is replaced by a better one only: what cannot be
 * fetched, is too large or holds no rule leaves the one that is there.
 */
export class ListFetching {
  readonly #dependencies: FetchingDependencies;
  #options: FetchingOptions;
  #timer: Timer | undefined;
  #failures = 0;
  #isRunning = false;
  #stopped = new AbortController();
  #current: Promise<void> = Promise.resolve();

  constructor(options: FetchingOptions, dependencies: FetchingDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Begins to look. @returns when each list without a copy was tried to be fetched once */
  async start(): Promise<void> {
    this.#isRunning = true;
    this.#stopped = new AbortController();
    const isComplete = await this.#hasAllCopies();
    const looked = this.#look();
    if (!isComplete) await looked;
  }

  /** Takes over other lists, and looks at once. */
  reconfigure(options: FetchingOptions): void {
    const isSame = JSON.stringify(options) === JSON.stringify(this.#options);
    this.#options = options;
    if (this.#isRunning && !isSame) void this.#look();
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#stopped.abort();
  }

  async #hasAllCopies(): Promise<boolean> {
    const { lists, directory } = this.#options;
    const copies = lists.flatMap(({ urls }) => urls).map((url) => copyPath(directory, url));
    const found = await Promise.allSettled(copies.map((copy) => access(copy)));
    return found.every(({ status }) => status === 'fulfilled');
  }

  /** One round at a time. Never rejects. */
  #look(): Promise<void> {
    this.#timer?.cancel();
    this.#current = this.#current.then(async () => {
      const options = this.#options;
      let failed = false;
      for (const list of options.lists) {
        for (const url of list.urls) {
          if (this.#isRunning && !(await this.#fetch(list, url, options))) failed = true;
        }
      }
      this.#failures = failed ? this.#failures + 1 : 0;
      this.#arm();
    });
    return this.#current;
  }

  #arm(): void {
    const { lists, refreshIntervalMs } = this.#options;
    this.#timer?.cancel();
    if (!this.#isRunning || refreshIntervalMs === 0 || lists.length === 0) return;
    const retryMs = retryMinMs * 2 ** Math.min(this.#failures - 1, 16);
    const delayMs = this.#failures === 0 ? refreshIntervalMs : Math.min(refreshIntervalMs, retryMs);
    this.#timer = this.#dependencies.clock.setTimer(delayMs, () => void this.#look());
  }

  /** @returns whether the copy is as good as can be */
  async #fetch(list: FetchedList, url: string, options: FetchingOptions): Promise<boolean> {
    const { name, format } = list;
    const renewal = new ListRenewal({ name, url, format }, options, this.#dependencies);
    const report = await renewal.run(this.#stopped.signal).then(
      (result): FetchReport => ({ list: name, url, result }),
      (reason: unknown): FetchReport => {
        const isOurs = reason instanceof ListRefused;
        const error = isOurs ? reason : new ListRefused(describeError(reason), { cause: reason });
        return { list: name, url, result: 'failure', error };
      },
    );
    await this.#dependencies.onFetched(report);
    return report.result !== 'failure';
  }
}

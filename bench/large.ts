import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SeededRandom } from '../src/base/random.ts';
import { AnswerCache } from '../src/cache/answer-cache.ts';
import { AnswerStore } from '../src/cache/answer-store.ts';
import type { Answer } from '../src/dns/answer.ts';
import { percentile } from './support/load.ts';
import type { Outcome } from './support/measurements.ts';
import type { BenchOptions } from './support/options.ts';
import { formatTable } from './support/report.ts';

/**
 * A cache of more than a gigabyte in one process: does its size cost latency? It is filled without
 * a network, so that nothing but the cache is seen.
 */

/** Sizes in octets that are compared. */
const sizes = [64 * 1024 ** 2, 1.5 * 1024 ** 3] as const;
/** About what one entry of this answer takes, index and header included. */
const bytesPerEntry = 128;
const answerBytes = 53;
const looks = 200_000;
const entriesPerTurn = 1000;

const prefetch = { enabled: false, hitsMin: 3, remainingShare: 0.1 };
const answer: Answer = {
  kind: 'positive',
  wire: Buffer.alloc(answerBytes),
  ttlSeconds: 86_400,
  authenticData: false,
  extendedErrors: [],
};

interface Measured {
  readonly entries: number;
  readonly bytesPerEntry: number;
  readonly residentBytesPerEntry: number;
  readonly collectionMsMax: number;
  readonly loopDelayMsP99: number;
  readonly loopDelayMsMax: number;
  readonly lookUsP50: number;
  readonly lookUsP99: number;
}

export async function measureLarge(_options: BenchOptions): Promise<Outcome> {
  const results: Measured[] = [];
  for (const size of sizes) results.push(await measure(size));
  const rows = results.map((one, index) => [
    `${String((sizes[index] ?? 0) / 1024 ** 2)} MiB`,
    String(one.entries),
    one.bytesPerEntry.toFixed(0),
    one.residentBytesPerEntry.toFixed(0),
    one.lookUsP50.toFixed(2),
    one.lookUsP99.toFixed(2),
    one.collectionMsMax.toFixed(1),
    one.loopDelayMsP99.toFixed(1),
    one.loopDelayMsMax.toFixed(1),
  ]);
  const memory = ['entries', 'bytes/entry', 'RSS/entry'];
  const times = ['look p50 us', 'p99', 'GC max ms', 'loop p99 ms', 'max'];
  return { table: formatTable(['cache', ...memory, ...times], rows), results };
}

async function measure(cacheBytes: number): Promise<Measured> {
  const residentBefore = process.memoryUsage.rss();
  const cache = new AnswerCache(new AnswerStore(cacheBytes, 1), prefetch);
  const count = Math.floor((cacheBytes / bytesPerEntry) * 1.1); // full, and evicting
  const collections = new Collections();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (let index = 0; index < count; index++) {
    cache.keep(keyOf(index), answer, 0, 0);
    if (index % entriesPerTurn === 0) await nextTurn();
  }
  delay.disable();
  const { entries, sizeBytes } = cache.figures();
  const microseconds = look(cache, count, entries);
  return {
    entries,
    bytesPerEntry: sizeBytes / entries,
    residentBytesPerEntry: (process.memoryUsage.rss() - residentBefore) / entries,
    collectionMsMax: collections.stop(),
    loopDelayMsP99: delay.percentile(99) / 1e6,
    loopDelayMsMax: delay.max / 1e6,
    lookUsP50: percentile(microseconds, 0.5),
    lookUsP99: percentile(microseconds, 0.99),
  };
}

function look(cache: AnswerCache, count: number, entries: number): number[] {
  const random = new SeededRandom(1);
  const out = new Uint8Array(4096);
  const microseconds: number[] = [];
  for (let index = 0; index < looks; index++) {
    const key = keyOf(count - 1 - Math.floor(random.fraction() * entries * 0.9));
    const startedMs = performance.now();
    cache.serve(key, key.length, 1, out, 0, out.length);
    microseconds.push((performance.now() - startedMs) * 1000);
  }
  return microseconds;
}

/** Name, type A and flags. */
function keyOf(index: number): Buffer {
  const name = `\u000bn${String(index).padStart(10, '0')}\u0005bench\u0007example\u0000`;
  return Buffer.from(`${name}\u0000\u0001\u0000`, 'latin1');
}

/** The longest pause of the garbage collector. */
class Collections {
  #maxMs = 0;
  readonly #observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.#maxMs = Math.max(this.#maxMs, duration);
  });

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop(): number {
    this.#observer.disconnect();
    return this.#maxMs;
  }
}

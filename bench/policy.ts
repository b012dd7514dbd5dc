import { SeededRandom } from '../src/base/random.ts';
import { AnswerStore } from '../src/cache/answer-store.ts';
import type { Answer } from '../src/dns/answer.ts';
import { encodeKey } from '../src/dns/question.ts';
import { parseName } from '../src/dns/name.ts';
import type { Outcome } from './support/measurements.ts';
import { formatTable } from './support/report.ts';

/**
 * Hit ratios of the cache's policy beside plain LRU at equal memory: requests with Zipf popularity,
 * alone and with a scan of names that are asked once (a crawler, a random-subdomain attack).
 */

const names = 200_000;
const requests = 1_000_000;
/** Of these requests, so many per thousand belong to the scan. */
const scanPerThousand = 300;
const answerBytes = 100;
const neverExpiresSeconds = 1_000_000;

interface Policy {
  readonly name: string;
  /** @returns whether the key was there; it is stored if not */
  request(key: Buffer): boolean;
}

const answer: Answer = {
  kind: 'positive',
  wire: Buffer.alloc(answerBytes),
  ttlSeconds: neverExpiresSeconds,
  authenticData: false,
  extendedErrors: [],
};

function ownPolicy(limitBytes: number): Policy {
  const store = new AnswerStore(limitBytes, 1);
  return {
    name: 'S3-FIFO (own)',
    request: (key) => {
      const entry = store.find(key, key.length);
      if (entry >= 0) store.touch(entry);
      else store.put(key, answer, 0, 0);
      return entry >= 0;
    },
  };
}

/** Plain LRU with the same number of entries as the arena holds. */
function lruPolicy(entriesMax: number): Policy {
  const entries = new Map<string, true>();
  return {
    name: 'LRU',
    request: (key) => {
      const text = key.toString('latin1');
      const hit = entries.delete(text);
      entries.set(text, true);
      if (entries.size > entriesMax) entries.delete(entries.keys().next().value ?? '');
      return hit;
    },
  };
}

/** Ranks by a Zipf distribution through its cumulative weights. */
function zipf(exponent: number, random: SeededRandom): () => number {
  const cumulative = new Float64Array(names);
  let sum = 0;
  for (let rank = 0; rank < names; rank++) {
    sum += 1 / (rank + 1) ** exponent;
    cumulative[rank] = sum;
  }
  return () => {
    const wanted = random.fraction() * sum;
    let low = 0;
    let high = names - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function keyOf(name: string): Buffer {
  const flags = { dnssecOk: false, checkingDisabled: false };
  return encodeKey({ name: parseName(name), type: 1 }, flags);
}

function hitRatio(policy: Policy, exponent: number, withScan: boolean): number {
  const random = new SeededRandom(42);
  const rank = zipf(exponent, random);
  const keys = Array.from({ length: names }, (_, index) => keyOf(`n${String(index)}.example.com`));
  let asked = 0;
  let hits = 0;
  for (let i = 0; i < requests; i++) {
    if (withScan && random.fraction() * 1000 < scanPerThousand) {
      policy.request(keyOf(`scan${String(i)}.example.net`));
      continue;
    }
    const key = keys[rank()];
    if (key === undefined) continue;
    const hit = policy.request(key);
    if (i < requests / 4) continue; // warm-up
    asked++;
    if (hit) hits++;
  }
  return hits / asked;
}

/** The table of hit ratios; it needs no server and no network. */
export function measurePolicy(): Promise<Outcome> {
  const results: PolicyResult[] = [];
  for (const limitMiB of [1, 4, 16]) {
    const limitBytes = limitMiB * 1024 ** 2;
    const entries = entriesThatFit(limitBytes);
    for (const exponent of [0.8, 1]) {
      for (const scan of [false, true]) {
        const s3fifo = hitRatio(ownPolicy(limitBytes), exponent, scan);
        const lru = hitRatio(lruPolicy(entries), exponent, scan);
        results.push({ limitMiB, entries, exponent, scan, s3fifo, lru });
      }
    }
  }
  return Promise.resolve({ table: tableOf(results), results });
}

interface PolicyResult {
  readonly limitMiB: number;
  readonly entries: number;
  readonly exponent: number;
  readonly scan: boolean;
  readonly s3fifo: number;
  readonly lru: number;
}

/** How many entries the cache holds when it is full of names asked once. */
function entriesThatFit(limitBytes: number): number {
  const store = new AnswerStore(limitBytes, 1);
  for (let i = 0; i < names; i++) store.put(keyOf(`f${String(i)}.example.com`), answer, 0, 0);
  return store.figures().entries;
}

function tableOf(results: readonly PolicyResult[]): string {
  return formatTable(
    ['cache MiB', 'entries', 'zipf', 'scan', 'S3-FIFO', 'LRU'],
    results.map(({ limitMiB, entries, exponent, scan, s3fifo, lru }) => [
      String(limitMiB),
      String(entries),
      String(exponent),
      scan ? '30 %' : 'none',
      s3fifo.toFixed(3),
      lru.toFixed(3),
    ]),
  );
}

import { SeededRandom } from '../src/base/random.ts';
import { AnswerStore } from '../src/cache/answer-store.ts';
import type { Answer } from '../src/dns/answer.ts';
import { encodeKey } from '../src/dns/question.ts';
import { parseName } from '../src/dns/name.ts';

/**
 * Hit ratios of the cache's policy beside plain LRU at equal memory: requests with Zipf popularity,
 * alone and with a scan of names that are asked once (a crawler, a random-subdomain attack).
 */

const names = 200_000;
const requests = 1_000_000;
/** Of these requests, so many per thousand belong to the scan. */
const scanPerThousand = 300;
const answerBytes = 100;
/** What the same entry costs in a Map of Buffers; measured by `npm run bench -- memory`. */
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

/** Prints the table of hit ratios. */
export function benchPolicy(): void {
  const rows: Record<string, string | number>[] = [];
  for (const limitMiB of [1, 4, 16]) {
    const limitBytes = limitMiB * 1024 ** 2;
    const probe = new AnswerStore(limitBytes, 1);
    for (let i = 0; i < names; i++) probe.put(keyOf(`f${String(i)}.example.com`), answer, 0, 0);
    const entriesMax = probe.figures().entries;
    for (const exponent of [0.8, 1]) {
      for (const withScan of [false, true]) {
        const own = hitRatio(ownPolicy(limitBytes), exponent, withScan);
        const lru = hitRatio(lruPolicy(entriesMax), exponent, withScan);
        rows.push({
          'cache MiB': limitMiB,
          entries: entriesMax,
          'zipf exponent': exponent,
          scan: withScan ? '30 %' : 'none',
          'S3-FIFO': own.toFixed(4),
          LRU: lru.toFixed(4),
        });
      }
    }
  }
  console.table(rows);
}

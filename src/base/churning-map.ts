import { SystemRandom } from './random.ts';

/** One entry: in the chain of its bucket, and in the order of insertion. */
interface Entry<K, V> {
  readonly key: K;
  readonly hash: number;
  value: V;
  inBucket: Entry<K, V> | undefined;
  before: Entry<K, V> | undefined;
  after: Entry<K, V> | undefined;
}

const bucketsMin = 64;
const random = new SystemRandom();
/** By chance, so that nobody can prepare keys that share a bucket. */
const seed = random.uint16() * 0x1_0000 + random.uint16();

/**
 * A map for entries that come and go by the ten thousands a second. A Map makes a new table every
 * few hundred of them, and each old table leads to the next one: once the collector has taken one
 * of them for old, everything that was ever in the later ones looks alive to it, and is copied.
 * Here nothing that was deleted leads anywhere.
 */
export class ChurningMap<K extends string | number, V> {
  #buckets: (Entry<K, V> | undefined)[] = emptyBuckets<K, V>(bucketsMin);
  #first: Entry<K, V> | undefined;
  #last: Entry<K, V> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    return this.#find(key, hashOf(key))?.value;
  }

  has(key: K): boolean {
    return this.#find(key, hashOf(key)) !== undefined;
  }

  set(key: K, value: V): void {
    const hash = hashOf(key);
    const known = this.#find(key, hash);
    if (known !== undefined) {
      known.value = value;
      return;
    }
    if (this.#size >= this.#buckets.length) this.#grow();
    const at = hash & (this.#buckets.length - 1);
    const inBucket = this.#buckets[at];
    const entry = { key, hash, value, inBucket, before: this.#last, after: undefined };
    this.#buckets[at] = entry;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.after = entry;
    this.#last = entry;
    this.#size++;
  }

  /** @returns whether it was there */
  delete(key: K): boolean {
    const hash = hashOf(key);
    const at = hash & (this.#buckets.length - 1);
    let previous: Entry<K, V> | undefined;
    let entry = this.#buckets[at];
    while (entry !== undefined && (entry.hash !== hash || entry.key !== key)) {
      previous = entry;
      entry = entry.inBucket;
    }
    if (entry === undefined) return false;
    if (previous === undefined) this.#buckets[at] = entry.inBucket;
    else previous.inBucket = entry.inBucket;
    entry.inBucket = undefined;
    this.#unlink(entry);
    this.#size--;
    return true;
  }

  clear(): void {
    this.#buckets = emptyBuckets<K, V>(bucketsMin);
    this.#first = undefined;
    this.#last = undefined;
    this.#size = 0;
  }

  /** The values in the order of their insertion, as they are now. */
  values(): V[] {
    const values: V[] = [];
    for (let entry = this.#first; entry !== undefined; entry = entry.after) {
      values.push(entry.value);
    }
    return values;
  }

  #find(key: K, hash: number): Entry<K, V> | undefined {
    let entry = this.#buckets[hash & (this.#buckets.length - 1)];
    while (entry !== undefined && (entry.hash !== hash || entry.key !== key)) {
      entry = entry.inBucket;
    }
    return entry;
  }

  #unlink(entry: Entry<K, V>): void {
    const { before, after } = entry;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    entry.before = undefined;
    entry.after = undefined;
  }

  #grow(): void {
    this.#buckets = emptyBuckets<K, V>(this.#buckets.length * 2);
    for (let entry = this.#first; entry !== undefined; entry = entry.after) {
      const at = entry.hash & (this.#buckets.length - 1);
      entry.inBucket = this.#buckets[at];
      this.#buckets[at] = entry;
    }
  }
}

function emptyBuckets<K, V>(count: number): (Entry<K, V> | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}

function hashOf(key: string | number): number {
  const hash = typeof key === 'string' ? hashOfText(key) : key ^ seed;
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d) >>> 0;
}

/** FNV-1a over the characters, from the seed. */
function hashOfText(key: string): number {
  let hash = seed | 0;
  for (let at = 0; at < key.length; at++) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x0100_0193);
  }
  return hash;
}

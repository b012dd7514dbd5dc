import { byteAt, uint32At } from '../base/bytes.ts';
import { spreadBits } from '../base/spread-bits.ts';

export interface RateLimitPolicy {
  /** Queries that a client may send in the long run. */
  readonly queriesPerSecond: number;
  /** Queries that it may send at once after a pause. */
  readonly burst: number;
  /** Leading bits of an address that make two clients one: 8 to 32, and 16 to 64. */
  readonly ipv4PrefixLength: number;
  readonly ipv6PrefixLength: number;
}

/** How much a prefix asks: text that all replicas make alike, and queries a second. */
export interface Demand {
  readonly prefix: string;
  readonly queriesPerSecond: number;
}

/** A prefix is busy from this share of its budget on. */
const busyShare = 0.1;

/** Entries that a prefix may lie in: its set. */
const ways = 4;
const noFamily = 0;

/**
 * A token bucket for each client prefix, in a table of fixed size: no entry is ever allocated.
 * Where a set is full, the prefix that has not been seen for longest gives way, so who floods
 * keeps the bucket that it has emptied.
 */
export class RateLimit {
  readonly #setMask: number;
  readonly #seed: number;
  readonly #families: Uint8Array;
  readonly #prefixes: Uint32Array;
  readonly #tokens: Float64Array;
  readonly #seenAtMs: Float64Array;
  /** Queries since the demand was looked at. */
  readonly #asked: Uint32Array;
  /** What is left to the prefix here of its budget, the rest being asked elsewhere. */
  readonly #shares: Float64Array;
  /** The entries that were busy when the demand was looked at. */
  readonly #busy = new Map<string, number>();
  #policy: RateLimitPolicy;

  /**
   * @param clientsMax prefixes that are told apart at a time; rounded up to a power of two
   * @param seed 32 bits of chance, so that nobody can aim at the set of another client
   */
  constructor(policy: RateLimitPolicy, clientsMax: number, seed: number) {
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, clientsMax / ways)));
    this.#setMask = sets - 1;
    this.#seed = seed;
    this.#families = new Uint8Array(sets * ways);
    this.#prefixes = new Uint32Array(sets * ways * 2);
    this.#tokens = new Float64Array(sets * ways);
    this.#seenAtMs = new Float64Array(sets * ways);
    this.#asked = new Uint32Array(sets * ways);
    this.#shares = new Float64Array(sets * ways).fill(1);
    this.#policy = policy;
  }

  setPolicy(policy: RateLimitPolicy): void {
    const { ipv4PrefixLength, ipv6PrefixLength } = this.#policy;
    const isOtherPrefix =
      policy.ipv4PrefixLength !== ipv4PrefixLength || policy.ipv6PrefixLength !== ipv6PrefixLength;
    if (isOtherPrefix) this.#families.fill(noFamily);
    this.#policy = policy;
  }

  /** Takes one query from the budget of the client. @returns whether there was one left */
  take(bytes: Uint8Array, at: number, length: number, nowMs: number): boolean {
    const { ipv4PrefixLength, ipv6PrefixLength, queriesPerSecond, burst } = this.#policy;
    const isV4 = length === 4;
    const bits = isV4 ? ipv4PrefixLength : ipv6PrefixLength;
    const high = (uint32At(bytes, at) & leadingBits(Math.min(32, bits))) >>> 0;
    const low = isV4 ? 0 : (uint32At(bytes, at + 4) & leadingBits(Math.max(0, bits - 32))) >>> 0;
    const entry = this.#entryOf(length, high, low, nowMs);
    const elapsedMs = Math.max(0, nowMs - (this.#seenAtMs[entry] ?? 0));
    const share = this.#shares[entry] ?? 1;
    const tokens = Math.min(
      Math.max(1, burst * share),
      (this.#tokens[entry] ?? 0) + (elapsedMs * queriesPerSecond * share) / 1000,
    );
    this.#asked[entry] = (this.#asked[entry] ?? 0) + 1;
    this.#seenAtMs[entry] = nowMs;
    this.#tokens[entry] = tokens >= 1 ? tokens - 1 : tokens;
    return tokens >= 1;
  }

  /** The entry of a prefix; a new one has a full bucket. */
  #entryOf(family: number, high: number, low: number, nowMs: number): number {
    const first = (mix(high, low, this.#seed) & this.#setMask) * ways;
    let oldest = first;
    for (let entry = first; entry < first + ways; entry++) {
      if (
        byteAt(this.#families, entry) === family &&
        this.#prefixes[entry * 2] === high &&
        this.#prefixes[entry * 2 + 1] === low
      ) {
        return entry;
      }
      if (this.#ageRank(entry) < this.#ageRank(oldest)) oldest = entry;
    }
    this.#families[oldest] = family;
    this.#prefixes[oldest * 2] = high;
    this.#prefixes[oldest * 2 + 1] = low;
    this.#tokens[oldest] = this.#policy.burst;
    this.#seenAtMs[oldest] = nowMs;
    this.#asked[oldest] = 0;
    this.#shares[oldest] = 1;
    return oldest;
  }

  /**
   * The prefixes that asked most since the last call, busy ones alone: what was granted and what was not.
   * @param elapsedMs since the last call
   */
  takeDemand(elapsedMs: number, prefixesMax: number): Demand[] {
    const found: (Demand & { readonly entry: number })[] = [];
    const leastAsked = (this.#policy.queriesPerSecond * busyShare * elapsedMs) / 1000;
    for (let entry = 0; entry < this.#asked.length; entry++) {
      const asked = this.#asked[entry] ?? 0;
      if (asked === 0) continue;
      this.#asked[entry] = 0;
      if (asked < leastAsked) continue;
      found.push({
        entry,
        prefix: this.#textOf(entry),
        queriesPerSecond: (asked * 1000) / elapsedMs,
      });
    }
    const busiest = found
      .toSorted((one, other) => other.queriesPerSecond - one.queriesPerSecond)
      .slice(0, prefixesMax);
    const stillBusy = new Set(busiest.map(({ entry }) => entry));
    for (const entry of this.#busy.values()) {
      if (!stillBusy.has(entry)) this.#shares[entry] = 1;
    }
    this.#busy.clear();
    for (const { prefix, entry } of busiest) this.#busy.set(prefix, entry);
    return busiest.map(({ prefix, queriesPerSecond }) => ({ prefix, queriesPerSecond }));
  }

  /** What part of its budget each prefix has here, of those told last; all others have all of it. */
  setShares(shares: ReadonlyMap<string, number>): void {
    for (const [prefix, entry] of this.#busy) {
      // Another prefix may have its place by now.
      if (this.#textOf(entry) === prefix) this.#shares[entry] = shares.get(prefix) ?? 1;
    }
  }

  #textOf(entry: number): string {
    const family = byteAt(this.#families, entry);
    const high = this.#prefixes[entry * 2] ?? 0;
    const low = this.#prefixes[entry * 2 + 1] ?? 0;
    return `${String(family)}:${high.toString(16)}:${low.toString(16)}`;
  }

  /** When an entry was last seen; one that is free comes before all others. */
  #ageRank(entry: number): number {
    if (byteAt(this.#families, entry) === noFamily) return Number.NEGATIVE_INFINITY;
    return this.#seenAtMs[entry] ?? 0;
  }
}

/** A mask of the first `bits` of 32. */
function leadingBits(bits: number): number {
  return bits === 0 ? 0 : -1 << (32 - bits);
}

/** Spreads two words over 32 bits. */
function mix(high: number, low: number, seed: number): number {
  return spreadBits(Math.imul(high ^ seed, 0x85eb_ca6b) ^ Math.imul(low, 0xc2b2_ae35));
}

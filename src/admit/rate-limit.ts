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
    const tokens = Math.min(
      burst,
      (this.#tokens[entry] ?? 0) + (elapsedMs * queriesPerSecond) / 1000,
    );
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
    return oldest;
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

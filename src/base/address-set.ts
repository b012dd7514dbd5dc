import { uint32At } from './bytes.ts';
import { lastOctets } from './network.ts';
import type { Network } from './network.ts';

/** Words of 32 bits in an address of each family. */
const wordsV4 = 1;
const wordsV6 = 4;

/**
 * The addresses of some networks as ranges in order, each family for itself: a look-up is a
 * binary search over numbers and allocates nothing.
 */
export class AddressSet {
  readonly #v4: Ranges;
  readonly #v6: Ranges;

  constructor(networks: readonly Network[]) {
    this.#v4 = new Ranges(
      networks.filter(({ octets }) => octets.length === wordsV4 * 4),
      wordsV4,
    );
    this.#v6 = new Ranges(
      networks.filter(({ octets }) => octets.length === wordsV6 * 4),
      wordsV6,
    );
  }

  /** Whether the address in `bytes[at, at + length)`, 4 or 16 octets, is one of them. */
  has(bytes: Uint8Array, at: number, length: number): boolean {
    return length === wordsV4 * 4 ? this.#v4.has(bytes, at) : this.#v6.has(bytes, at);
  }
}

/** Ranges of one family that do not overlap, in ascending order. */
class Ranges {
  readonly #words: number;
  readonly #count: number;
  readonly #firsts: Uint32Array;
  readonly #lasts: Uint32Array;

  constructor(networks: readonly Network[], words: number) {
    // Of two networks one holds the other or they have nothing in common, so in the order of their
    // first addresses, the larger before the smaller, a range inside an earlier one adds nothing.
    const outer: Network[] = [];
    for (const network of networks.toSorted(byFirstThenSize)) {
      const before = outer.at(-1);
      if (before === undefined || !holds(before, network)) outer.push(network);
    }
    this.#words = words;
    this.#count = outer.length;
    this.#firsts = Uint32Array.from(outer.flatMap(({ octets }) => wordsOf(octets)));
    this.#lasts = Uint32Array.from(outer.flatMap((network) => wordsOf(lastOctets(network))));
  }

  has(bytes: Uint8Array, at: number): boolean {
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(bytes, at, this.#firsts, middle) < 0) high = middle - 1;
      else if (this.#compare(bytes, at, this.#lasts, middle) > 0) low = middle + 1;
      else return true;
    }
    return false;
  }

  #compare(bytes: Uint8Array, at: number, bounds: Uint32Array, index: number): number {
    for (let word = 0; word < this.#words; word++) {
      const bound = bounds[index * this.#words + word] ?? 0;
      const difference = uint32At(bytes, at + word * 4) - bound;
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

function byFirstThenSize(a: Network, b: Network): number {
  return Buffer.compare(a.octets, b.octets) || a.prefixLength - b.prefixLength;
}

function holds(outer: Network, inner: Network): boolean {
  return Buffer.compare(inner.octets, lastOctets(outer)) <= 0;
}

function wordsOf(octets: Uint8Array): number[] {
  return Array.from({ length: octets.length / 4 }, (_, index) => uint32At(octets, index * 4));
}

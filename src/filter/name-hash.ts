import { byteAt } from '../base/bytes.ts';
import { spreadBits } from '../base/spread-bits.ts';
import { nameLengthMax } from '../dns/name.ts';

/** A name has at most 127 labels, each two octets long or longer. */
const labelsMax = 128;

/**
 * The 64-bit hashes of a name and of all its ancestors, computed in one pass from the root down:
 * the hash of `example.com` is a step on the way to that of `www.example.com`. Scratch, filled
 * anew for each name.
 */
export class NameHashes {
  /** How many: one for each label, the one of the top-level domain first, the whole name last. */
  count = 0;
  readonly high = new Uint32Array(labelsMax);
  readonly low = new Uint32Array(labelsMax);
  readonly #labelStarts = new Uint8Array(labelsMax);
  readonly #seed: number;

  /** @param seed 32 bits of chance, so that nobody can choose names that collide */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Takes a name in wire form and lower case. */
  fill(name: Uint8Array): void {
    const starts = this.#labelStarts;
    let count = 0;
    for (let at = 0; at < nameLengthMax && byteAt(name, at) !== 0; at += byteAt(name, at) + 1) {
      starts[count] = at;
      count++;
    }
    this.count = count;
    let high = this.#seed;
    let low = ~this.#seed;
    for (let label = 0; label < count; label++) {
      const start = byteAt(starts, count - 1 - label);
      const end = start + byteAt(name, start);
      for (let at = start; at <= end; at++) {
        const octet = byteAt(name, at);
        high = Math.imul(high ^ octet, 0x0100_0193);
        low = Math.imul(low + octet, 0x9e37_79b1) ^ (low >>> 15);
      }
      this.high[label] = spreadBits(high);
      this.low[label] = spreadBits(low ^ high);
    }
  }
}

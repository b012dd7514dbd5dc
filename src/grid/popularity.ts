/** Rows of the sketch: the least of so many counters is the estimate. */
const rows = 4;
/** Counters in a row, a power of two: a few thousand names are told apart well. */
const columns = 16_384;
/** After so many counts all counters are halved, so that old popularity fades. */
const countsPerHalving = columns * 8;
const seeds = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f];

/** How often a key was asked for lately, roughly: a count-min sketch of 64 KiB that fades. */
export class Popularity {
  readonly #counters = new Uint8Array(rows * columns);
  #counts = 0;

  /** Counts one more. @returns how often it was counted lately, at most 255 */
  count(key: Buffer): number {
    let least = 255;
    for (let row = 0; row < rows; row++) {
      const cell = row * columns + (hash(key, seeds[row] ?? 0) & (columns - 1));
      const value = Math.min(255, (this.#counters[cell] ?? 0) + 1);
      this.#counters[cell] = value;
      least = Math.min(least, value);
    }
    this.#counts++;
    if (this.#counts >= countsPerHalving) this.#fade();
    return least;
  }

  #fade(): void {
    this.#counts = 0;
    for (let cell = 0; cell < this.#counters.length; cell++) {
      this.#counters[cell] = (this.#counters[cell] ?? 0) >>> 1;
    }
  }
}

function hash(key: Buffer, seed: number): number {
  let mixed = seed;
  for (const octet of key) mixed = Math.imul(mixed ^ octet, 0x0100_0193);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

import { assert } from '../base/assert.ts';

/**
 * Remembers the hashes of keys evicted lately: one cell per hash, the newer displacing the older.
 * That approximates the ghost queue of S3-FIFO without a queue; a false memory costs no more than
 * a place in the wrong queue.
 */
export class GhostSet {
  readonly #cells: Uint32Array;

  /** `cells` must be a power of two. */
  constructor(cells: number) {
    assert(cells > 0 && (cells & (cells - 1)) === 0, 'a ghost set has a power of two of cells');
    this.#cells = new Uint32Array(cells);
  }

  static bytesFor(cells: number): number {
    return cells * 4;
  }

  add(hash: number): void {
    this.#cells[hash & (this.#cells.length - 1)] = hash;
  }

  /** Whether the hash was remembered; it is forgotten with that. */
  take(hash: number): boolean {
    const cell = hash & (this.#cells.length - 1);
    if (this.#cells[cell] !== hash || hash === 0) return false;
    this.#cells[cell] = 0;
    return true;
  }
}

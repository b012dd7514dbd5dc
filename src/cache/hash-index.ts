import { assert } from '../base/assert.ts';

/** Slots looked at before a key counts as absent: a bound on what crafted collisions cost. */
const probesMax = 64;
/** Share of the slots in use at most; linear probing gets long above it. */
const loadMax = 0.8;

/**
 * Hash -> reference, open addressing with linear probing in two flat arrays: 8 octets a slot, no
 * object per entry. A reference is any number from 1 to 2^32 - 1; 0 is an empty slot.
 */
export class HashIndex {
  readonly #refs: Uint32Array;
  readonly #hashes: Uint32Array;
  readonly #mask: number;
  readonly entriesMax: number;
  #size = 0;

  /** `slots` must be a power of two. */
  constructor(slots: number) {
    assert(slots > 0 && (slots & (slots - 1)) === 0, 'an index has a power of two of slots');
    this.#refs = new Uint32Array(slots);
    this.#hashes = new Uint32Array(slots);
    this.#mask = slots - 1;
    this.entriesMax = Math.floor(slots * loadMax);
  }

  get size(): number {
    return this.#size;
  }

  /** Octets that an index of so many slots takes. */
  static bytesFor(slots: number): number {
    return slots * 8;
  }

  /** The first slot from `hash` on that holds this hash, or -1. Continue with {@link nextSlot}. */
  firstSlot(hash: number): number {
    return this.#scan(hash, hash & this.#mask, 0);
  }

  /** The next slot of the same hash behind `slot`, or -1. */
  nextSlot(hash: number, slot: number): number {
    const probes = (slot - (hash & this.#mask)) & this.#mask;
    return this.#scan(hash, (slot + 1) & this.#mask, probes + 1);
  }

  /** What a slot refers to. */
  refAt(slot: number): number {
    return this.#refs[slot] ?? 0;
  }

  /** Points a slot elsewhere: its entry moved. */
  setRef(slot: number, ref: number): void {
    this.#refs[slot] = ref;
  }

  /** @returns whether there was room within the bounds of load and probing */
  insert(hash: number, ref: number): boolean {
    if (this.#size >= this.entriesMax) return false;
    let slot = hash & this.#mask;
    for (let probes = 0; probes < probesMax; probes++) {
      if (this.#refs[slot] === 0) {
        this.#refs[slot] = ref;
        this.#hashes[slot] = hash;
        this.#size++;
        return true;
      }
      slot = (slot + 1) & this.#mask;
    }
    return false;
  }

  /** The slot that refers to `ref`, which is stored under `hash`; -1 if it is not there. */
  slotOf(hash: number, ref: number): number {
    let slot = this.firstSlot(hash);
    while (slot >= 0 && this.#refs[slot] !== ref) slot = this.nextSlot(hash, slot);
    return slot;
  }

  /** Empties a slot and moves later ones up, so that no probe ends too early. */
  remove(slot: number): void {
    let hole = slot;
    let at = slot;
    for (;;) {
      at = (at + 1) & this.#mask;
      if (this.#refs[at] === 0) break;
      const home = (this.#hashes[at] ?? 0) & this.#mask;
      const mayMove = ((at - home) & this.#mask) >= ((at - hole) & this.#mask);
      if (!mayMove) continue;
      this.#refs[hole] = this.#refs[at] ?? 0;
      this.#hashes[hole] = this.#hashes[at] ?? 0;
      hole = at;
    }
    this.#refs[hole] = 0;
    this.#size--;
  }

  clear(): void {
    this.#refs.fill(0);
    this.#size = 0;
  }

  #scan(hash: number, from: number, probesDone: number): number {
    let slot = from;
    for (let probes = probesDone; probes < probesMax; probes++) {
      if (this.#refs[slot] === 0) return -1;
      if (this.#hashes[slot] === hash) return slot;
      slot = (slot + 1) & this.#mask;
    }
    return -1;
  }
}

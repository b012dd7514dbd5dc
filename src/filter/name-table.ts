import { NameHashes } from './name-hash.ts';

/** Lists that one table can tell apart. */
export const listsMax = 16;
/** In a mask of lists: the bits of their rules, and above them those of their exceptions. */
export const exceptionShift = listsMax;
/** What a rule is about: the name itself, the names below it, or both. */
export type RuleScope = 'exact' | 'below' | 'both';

const slotsMin = 1024;
const slotBytes = 16;
/** Share of the slots that may be taken: beyond it, runs of taken slots grow long. */
const loadMax = 0.75;

/**
 * Names on lists, as 64-bit hashes in one table with open addressing: 16 octets a slot, 21 to 43 a
 * name, whatever the length of the name. Two of ten million names have the same hash with a chance
 * of 1 in 400,000.
 */
export class NameTable {
  readonly #hashes: NameHashes;
  #mask: number;
  #used = 0;
  #high: Uint32Array;
  #low: Uint32Array;
  #exact: Uint32Array;
  #below: Uint32Array;

  /**
   * @param seed 32 bits of chance
   * @param namesExpected it has room for so many at once: to grow is to move all names, which takes
   *   a tenth of a second for a million
   */
  constructor(seed: number, namesExpected = 0) {
    this.#hashes = new NameHashes(seed);
    const slots = 2 ** Math.ceil(Math.log2(Math.max(slotsMin, namesExpected / loadMax)));
    this.#mask = slots - 1;
    this.#high = new Uint32Array(slots);
    this.#low = new Uint32Array(slots);
    this.#exact = new Uint32Array(slots);
    this.#below = new Uint32Array(slots);
  }

  /** Different names. */
  get size(): number {
    return this.#used;
  }

  get sizeBytes(): number {
    return (this.#mask + 1) * slotBytes;
  }

  /** Adds a name, in wire form and lower case, to the lists in the mask. */
  add(name: Uint8Array, lists: number, scope: RuleScope): void {
    if (this.#used >= (this.#mask + 1) * loadMax) this.#grow();
    this.#hashes.fill(name);
    const last = this.#hashes.count - 1;
    if (last < 0) return; // the root: that would be every name there is
    const slot = this.#slotOf(this.#hashes.high[last] ?? 0, this.#hashes.low[last] ?? 0);
    if (this.#isFree(slot)) {
      this.#high[slot] = this.#hashes.high[last] ?? 0;
      this.#low[slot] = this.#hashes.low[last] ?? 0;
      this.#used++;
    }
    if (scope !== 'below') this.#exact[slot] = (this.#exact[slot] ?? 0) | lists;
    if (scope !== 'exact') this.#below[slot] = (this.#below[slot] ?? 0) | lists;
  }

  /** The mask of lists that a name is on: by itself, or by a rule for all below an ancestor. */
  listsOf(name: Uint8Array): number {
    if (this.#used === 0) return 0;
    const hashes = this.#hashes;
    hashes.fill(name);
    let lists = 0;
    for (let index = 0; index < hashes.count; index++) {
      const slot = this.#slotOf(hashes.high[index] ?? 0, hashes.low[index] ?? 0);
      const isWhole = index === hashes.count - 1;
      lists |= (isWhole ? this.#exact[slot] : this.#below[slot]) ?? 0;
    }
    return lists;
  }

  /** Whether a list of the mask has a rule of this scope for this very name. */
  hasRule(name: Uint8Array, lists: number, scope: 'exact' | 'below'): boolean {
    const hashes = this.#hashes;
    hashes.fill(name);
    const last = hashes.count - 1;
    if (last < 0) return false;
    const slot = this.#slotOf(hashes.high[last] ?? 0, hashes.low[last] ?? 0);
    const masks = scope === 'exact' ? this.#exact : this.#below;
    return ((masks[slot] ?? 0) & lists) !== 0;
  }

  /** The slot of a hash, or the free one where it would go. */
  #slotOf(high: number, low: number): number {
    let slot = low & this.#mask;
    while (!this.#isFree(slot) && (this.#low[slot] !== low || this.#high[slot] !== high)) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  /** A name is in the table for some scope, so a slot without any is free. */
  #isFree(slot: number): boolean {
    return this.#exact[slot] === 0 && this.#below[slot] === 0;
  }

  #grow(): void {
    const before = { high: this.#high, low: this.#low, exact: this.#exact, below: this.#below };
    const slots = (this.#mask + 1) * 2;
    this.#mask = slots - 1;
    this.#high = new Uint32Array(slots);
    this.#low = new Uint32Array(slots);
    this.#exact = new Uint32Array(slots);
    this.#below = new Uint32Array(slots);
    for (let index = 0; index < before.low.length; index++) {
      const exact = before.exact[index] ?? 0;
      const below = before.below[index] ?? 0;
      if (exact === 0 && below === 0) continue;
      const slot = this.#slotOf(before.high[index] ?? 0, before.low[index] ?? 0);
      this.#high[slot] = before.high[index] ?? 0;
      this.#low[slot] = before.low[index] ?? 0;
      this.#exact[slot] = exact;
      this.#below[slot] = below;
    }
  }
}

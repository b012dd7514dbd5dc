import { assert } from '../base/assert.ts';
import { Arena } from './arena.ts';
import { EntryRing } from './entry-ring.ts';
import type { Stretch } from './entry-ring.ts';
import * as layout from './entry-layout.ts';
import { GhostSet } from './ghost-set.ts';
import { HashIndex } from './hash-index.ts';

/** Share of the arena for entries not yet proven popular (S3-FIFO section 4: 10 %). */
const smallShare = 0.1;
/** Uses in the small queue that earn a place in the main one (S3-FIFO: more than one). */
const promotionUses = 2;
/**
 * Entries given a second round for one insertion at most. Without it an insertion into a cache of
 * popular entries only could move the whole arena; with it the pause stays in microseconds.
 */
const reinsertionsMax = 32;
/** Octets of entries that go in one step of giving memory back: a tenth of a millisecond. */
const shedStepBytes = 128 * 1024;
/** Entries given a second round in such a step at most; what is popular is not to go with the rest. */
const shedReinsertionsMax = 512;
/** Octets given back to the system in one step at most: a tenth of a millisecond, too. */
const returnStepBytes = 1024 * 1024;
/** An entry larger than this share of its queue is not worth what it would drive out. */
const entryShareMax = 0.25;
/** Octets of memory per index slot at most; less than the smallest usual entry takes. */
const bytesPerSlot = 96;

/**
 * Where entries live and which of them go: S3-FIFO. New entries pass a small queue and reach the
 * main one only when used again, so that a scan cannot wash the cache out; a key that comes back
 * soon after it was evicted goes straight to the main queue.
 */
export class EntryQueues {
  readonly arena: Arena;
  /** What all of it takes at most, the index included. */
  readonly sizeBytesMax: number;
  readonly #small: EntryRing;
  readonly #main: EntryRing;
  readonly #rings: readonly EntryRing[];
  readonly #index: HashIndex;
  readonly #ghosts: GhostSet;
  #moving = Buffer.alloc(0);
  evictionsSmall = 0;
  evictionsMain = 0;
  promotions = 0;
  /** Evictions for the memory of the process; they count among the others as well. */
  shed = 0;

  constructor(limitBytes: number) {
    const slots = 2 ** Math.ceil(Math.log2(limitBytes / bytesPerSlot));
    const arenaBytes = limitBytes - HashIndex.bytesFor(slots) - GhostSet.bytesFor(slots / 2);
    assert(arenaBytes > 0, 'the cache has room for entries');
    const smallBytes = layout.aligned(Math.floor(arenaBytes * smallShare));
    const mainBytes = layout.aligned(arenaBytes - smallBytes - layout.alignmentBytes);
    this.sizeBytesMax = limitBytes;
    this.arena = new Arena(smallBytes + mainBytes);
    this.#small = new EntryRing(this.arena, 0, smallBytes);
    this.#main = new EntryRing(this.arena, smallBytes, mainBytes);
    this.#rings = [this.#main, this.#small];
    this.#index = new HashIndex(slots);
    this.#ghosts = new GhostSet(slots / 2);
  }

  get entryCount(): number {
    return this.#index.size;
  }

  get usedBytes(): number {
    return this.#small.usedBytes + this.#main.usedBytes;
  }

  /** What all of it may take while the share for entries is what it is. */
  get limitBytes(): number {
    const withheld = this.entryBytesMax - this.#small.targetBytes - this.#main.targetBytes;
    return this.sizeBytesMax - withheld;
  }

  /** What entries alone take at most. */
  get entryBytesMax(): number {
    return this.arena.memory.byteLength;
  }

  /**
   * Leaves a part of its memory to entries, between 0 and 1. A larger part than before may be used at
   * once; a smaller one is come down to by {@link shedSome}.
   */
  setShare(share: number): void {
    for (const ring of this.#rings) ring.targetBytes = ring.capacityBytes * share;
  }

  /**
   * Evicts some of what is beyond the share, and says what memory is free of it.
   * @returns undefined when nothing is left to do
   */
  shedSome(): readonly Stretch[] | undefined {
    const before = this.evictionsSmall + this.evictionsMain;
    for (const ring of this.#rings) {
      ring.lower((shedStepBytes * ring.capacityBytes) / this.entryBytesMax);
      this.#makeRoom(ring, 0, shedReinsertionsMax);
    }
    this.shed += this.evictionsSmall + this.evictionsMain - before;
    const free = this.#rings.flatMap((ring) => ring.takeFree(returnStepBytes));
    const isDone = this.#rings.every((ring) => ring.limitBytes === ring.targetBytes);
    return isDone && free.length === 0 ? undefined : free;
  }

  /** The entry of a key with this hash, or -1. */
  find(hash: number, key: Uint8Array, keyLength: number): number {
    let slot = this.#index.firstSlot(hash);
    while (slot >= 0) {
      const entry = (this.#index.refAt(slot) - 1) * layout.alignmentBytes;
      if (this.arena.hasKey(entry, key, keyLength)) return entry;
      slot = this.#index.nextSlot(hash, slot);
    }
    return -1;
  }

  /** Whether an entry has proven popular. */
  isInMain(entry: number): boolean {
    return this.#main.contains(entry);
  }

  /**
   * Room for an entry, evicting what must go; size, hash and empty flags are set.
   * @param popular whether it is known to be worth a place in the main queue
   * @returns -1 when it is too large or the index has no place for its hash
   */
  allocate(hash: number, size: number, popular: boolean): number {
    this.#makeRoomInIndex();
    const proven = this.#ghosts.take(hash) || popular;
    const fitsSmall = size <= this.#small.limitBytes * entryShareMax;
    const ring = proven || !fitsSmall ? this.#main : this.#small;
    if (size > ring.limitBytes * entryShareMax || !this.#makeRoom(ring, size)) return -1;
    const entry = ring.append(size);
    this.arena.setHash(entry, hash);
    const indexed = this.#index.insert(hash, this.#refOf(entry));
    this.arena.setFlags(entry, indexed ? 0 : layout.flagDead);
    return indexed ? entry : -1;
  }

  /** Takes an entry out of the index; its room is won back when its turn comes. */
  kill(entry: number): void {
    const slot = this.#index.slotOf(this.arena.hash(entry), this.#refOf(entry));
    assert(slot >= 0, 'a living entry is in the index');
    this.#index.remove(slot);
    this.arena.setFlags(entry, this.arena.flags(entry) | layout.flagDead);
  }

  /**
   * Every living entry, the main queue first, each from its oldest on, in slices. The cache may
   * change between two slices: an entry that was moved may come twice.
   */
  *slices(entriesMax: number): Generator<number[]> {
    for (const ring of this.#rings) {
      let position = ring.oldestPosition;
      while (position >= 0) {
        const { entries, next } = ring.slice(position, entriesMax);
        yield entries.filter((entry) => this.#isAlive(entry));
        position = next;
      }
    }
  }

  clear(): void {
    this.#small.clear();
    this.#main.clear();
    this.#index.clear();
  }

  /** A reference has 32 bits and entries are aligned to 8 octets: an arena may have 32 GiB. */
  #refOf(entry: number): number {
    return entry / layout.alignmentBytes + 1;
  }

  #isAlive(entry: number): boolean {
    return (this.arena.flags(entry) & layout.flagDead) === 0;
  }

  #makeRoom(ring: EntryRing, size: number, roundsMax = reinsertionsMax): boolean {
    let reinsertions = 0;
    while (!ring.hasRoom(size)) {
      const entry = ring.oldest();
      if (entry < 0) return false;
      if (ring === this.#small) this.#evictSmall(entry);
      else if (this.#evictMain(entry, reinsertions < roundsMax)) reinsertions++;
    }
    return true;
  }

  /** As {@link #makeRoom}, where entries are so small that the index fills up first. */
  #makeRoomInIndex(): void {
    let reinsertions = 0;
    while (this.#index.size >= this.#index.entriesMax) {
      const small = this.#small.oldest();
      const smallIsLarge = this.#small.usedBytes > this.#main.usedBytes * smallShare;
      if (small >= 0 && smallIsLarge) this.#evictSmall(small);
      else if (this.#evictMain(this.#main.oldest(), reinsertions < reinsertionsMax)) reinsertions++;
    }
  }

  #evictSmall(entry: number): void {
    if (this.#isAlive(entry)) {
      if (this.#deservesMain(entry) && this.#promote(entry)) return;
      this.#ghosts.add(this.arena.hash(entry));
      this.kill(entry);
      this.evictionsSmall++;
    }
    this.#small.removeOldest();
  }

  /** Used again; or there is room for it that nobody else needs yet. */
  #deservesMain(entry: number): boolean {
    if (this.arena.uses(entry) >= promotionUses) return true;
    return this.#main.hasRoom(this.arena.size(entry));
  }

  /** Moves the oldest entry of the small queue to the main one. */
  #promote(entry: number): boolean {
    const size = this.arena.size(entry);
    if (!this.#makeRoom(this.#main, size)) return false;
    const moved = this.#main.append(size);
    this.#move(entry, moved, size);
    this.#small.removeOldest();
    this.promotions++;
    return true;
  }

  /** Evicts the oldest entry of the main queue, or gives it another round. @returns the latter */
  #evictMain(entry: number, mayReinsert: boolean): boolean {
    if (!this.#isAlive(entry)) {
      this.#main.removeOldest();
      return false;
    }
    const size = this.arena.size(entry);
    const uses = this.arena.uses(entry);
    if (uses > 0 && mayReinsert) return this.#reinsert(entry, size, uses);
    this.kill(entry);
    this.#main.removeOldest();
    this.evictionsMain++;
    return false;
  }

  #reinsert(entry: number, size: number, uses: number): boolean {
    const { bytes } = this.arena;
    if (this.#moving.length < size) this.#moving = Buffer.alloc(size);
    bytes.copy(this.#moving, 0, entry, entry + size);
    const slot = this.#index.slotOf(this.arena.hash(entry), this.#refOf(entry));
    this.#main.removeOldest();
    if (!this.#main.hasMemory(size)) {
      this.#index.remove(slot);
      this.evictionsMain++;
      return false;
    }
    const moved = this.#main.append(size);
    this.#moving.copy(bytes, moved, 0, size);
    this.arena.setUses(moved, uses - 1);
    this.#index.setRef(slot, this.#refOf(moved));
    return true;
  }

  #move(from: number, to: number, size: number): void {
    const slot = this.#index.slotOf(this.arena.hash(from), this.#refOf(from));
    this.arena.bytes.copy(this.arena.bytes, to, from, from + size);
    this.arena.setUses(to, 0);
    this.#index.setRef(slot, this.#refOf(to));
  }
}

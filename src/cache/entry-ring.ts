import type { Arena } from './arena.ts';
import { aligned, flagPadding, headerBytes } from './entry-layout.ts';

/**
 * What is given back begins so much earlier than what has become free since, so that a page that two
 * stretches share goes with the second: the largest page that Linux has on arm64.
 */
const pageBytesMax = 64 * 1024;

/** Octets of an arena from `start` to `end` in which nothing stands. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Some entries of a ring, and the position to go on from; -1 behind the last one. */
export interface RingSlice {
  readonly entries: readonly number[];
  readonly next: number;
}

/**
 * A queue of entries, first in, first out, in one stretch of the arena used round and round: what
 * is evicted is always the oldest, so there is no free list and no fragmentation. An entry never
 * wraps; what is left at the end is filled with padding.
 */
export class EntryRing {
  readonly #arena: Arena;
  readonly #start: number;
  readonly capacityBytes: number;
  /** Octets ever appended and ever removed: head and tail are these modulo the capacity. */
  #appended = 0;
  #removed = 0;
  /** What its entries may take, and what they shall take in the end. */
  #limitBytes: number;
  #targetBytes: number;
  /** The position up to which what had become free was given back. */
  #returned = 0;

  constructor(arena: Arena, start: number, capacityBytes: number) {
    this.#arena = arena;
    this.#start = start;
    this.capacityBytes = capacityBytes;
    this.#limitBytes = capacityBytes;
    this.#targetBytes = capacityBytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** What the limit shall be: a higher one holds at once, to a lower one it comes by {@link lower}. */
  get targetBytes(): number {
    return this.#targetBytes;
  }

  set targetBytes(bytes: number) {
    this.#targetBytes = Math.min(aligned(bytes), this.capacityBytes);
    this.#limitBytes = Math.max(this.#limitBytes, this.#targetBytes);
  }

  /**
   * Lowers the limit towards its target, to `stepBytes` below what is used at most: so many octets
   * of entries have to go then, and no more.
   */
  lower(stepBytes: number): void {
    const lowered = Math.min(this.#limitBytes, this.usedBytes - stepBytes);
    this.#limitBytes = Math.max(this.#targetBytes, lowered);
  }

  get usedBytes(): number {
    return this.#appended - this.#removed;
  }

  /** Whether an entry of this size could be appended now, its padding included. */
  hasRoom(size: number): boolean {
    return this.usedBytes + this.#paddingFor(size) + size <= this.#limitBytes;
  }

  /** Whether there is memory for it at least, beyond the limit perhaps. */
  hasMemory(size: number): boolean {
    return this.usedBytes + this.#paddingFor(size) + size <= this.capacityBytes;
  }

  /** Room for an entry at the head; only its size is written. The caller has made room. */
  append(size: number): number {
    const padding = this.#paddingFor(size);
    if (padding > 0) {
      const pad = this.#start + (this.#appended % this.capacityBytes);
      this.#arena.setSize(pad, padding);
      if (padding >= headerBytes) this.#arena.setFlags(pad, flagPadding);
      this.#appended += padding;
    }
    const entry = this.#start + (this.#appended % this.capacityBytes);
    this.#arena.setSize(entry, size);
    this.#appended += size;
    return entry;
  }

  /** The oldest entry, padding passed over; -1 when the ring is empty. It stays until {@link removeOldest}. */
  oldest(): number {
    while (this.usedBytes > 0) {
      const entry = this.#start + (this.#removed % this.capacityBytes);
      if (!this.#isPadding(entry)) return entry;
      this.#removed += this.#arena.size(entry);
    }
    return -1;
  }

  removeOldest(): void {
    const entry = this.oldest();
    if (entry >= 0) this.#removed += this.#arena.size(entry);
  }

  clear(): void {
    this.#removed = this.#appended;
  }

  /**
   * What has become free since it was asked last, `bytesMax` octets of it at most, in two parts where
   * it goes round the end.
   */
  takeFree(bytesMax: number): readonly Stretch[] {
    const oldestFree = Math.max(0, this.#appended - this.capacityBytes);
    const from = Math.max(this.#returned, oldestFree);
    const to = Math.min(this.#removed, from + bytesMax);
    if (to <= from) return [];
    this.#returned = to;
    const begin = Math.max(from - pageBytesMax, oldestFree);
    const start = begin % this.capacityBytes;
    const end = start + to - begin;
    if (end <= this.capacityBytes) return [this.#stretch(start, end)];
    return [this.#stretch(start, this.capacityBytes), this.#stretch(0, end - this.capacityBytes)];
  }

  contains(entry: number): boolean {
    return entry >= this.#start && entry < this.#start + this.capacityBytes;
  }

  /** The position of the oldest entry; positions only grow, an entry keeps its own. */
  get oldestPosition(): number {
    return this.#removed;
  }

  /**
   * Up to `entriesMax` entries from a position on, dead ones too. The ring may change between two
   * calls: what was evicted meanwhile is passed over, what was moved may come twice.
   */
  slice(position: number, entriesMax: number): RingSlice {
    const entries: number[] = [];
    let at = Math.max(position, this.#removed);
    while (at < this.#appended && entries.length < entriesMax) {
      const entry = this.#start + (at % this.capacityBytes);
      if (!this.#isPadding(entry)) entries.push(entry);
      at += this.#arena.size(entry);
    }
    return { entries, next: at < this.#appended ? at : -1 };
  }

  #stretch(start: number, end: number): Stretch {
    return { start: this.#start + start, end: this.#start + end };
  }

  #paddingFor(size: number): number {
    const left = this.capacityBytes - (this.#appended % this.capacityBytes);
    return left < size ? left : 0;
  }

  /** Padding shorter than a header is known by its size: no entry is that short. */
  #isPadding(entry: number): boolean {
    if (this.#arena.size(entry) < headerBytes) return true;
    return (this.#arena.flags(entry) & flagPadding) !== 0;
  }
}

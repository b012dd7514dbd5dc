import { byteAt } from '../base/bytes.ts';
import type { Answer } from '../dns/answer.ts';
import { ageTtls } from '../dns/message.ts';
import { packExtras } from '../dns/packed-answer.ts';
import type { Arena } from './arena.ts';
import * as layout from './entry-layout.ts';
import { EntryQueues } from './entry-queues.ts';
import { spreadBits } from '../base/spread-bits.ts';
import { hashOctets } from './key-hash.ts';
import { readEntry } from './stored-entry.ts';
import type { StoredEntry } from './stored-entry.ts';

/** What the store counted since the start. */
export interface StoreFigures {
  readonly entries: number;
  readonly sizeBytes: number;
  /** What it may take now; less than `sizeBytesMax` while memory is short. */
  readonly limitBytes: number;
  readonly sizeBytesMax: number;
  readonly insertions: number;
  readonly evictionsSmall: number;
  readonly evictionsMain: number;
  readonly promotions: number;
  /** Evictions because memory was short; they count among the others as well. */
  readonly shed: number;
  readonly refused: number;
}

/** Gives the whole pages among the octets from `start` to `end` back: nothing stands there. */
export type ReturnMemory = (memory: ArrayBuffer, start: number, end: number) => void;

/** What a replaced entry leaves to its successor. */
interface Heritage {
  readonly popular: boolean;
  readonly uses: number;
  readonly hits: number;
}

/** L1: answers by question key, bounded in octets, outside the heap of the runtime. */
export class AnswerStore {
  readonly #queues: EntryQueues;
  readonly #arena: Arena;
  readonly #seed: number;
  #insertions = 0;
  #refused = 0;

  /** @param seed of the hash; drawn at random in production */
  constructor(limitBytes: number, seed: number) {
    this.#queues = new EntryQueues(limitBytes);
    this.#arena = this.#queues.arena;
    this.#seed = seed;
  }

  figures(): StoreFigures {
    return {
      entries: this.#queues.entryCount,
      sizeBytes: this.#queues.usedBytes,
      limitBytes: this.#queues.limitBytes,
      sizeBytesMax: this.#queues.sizeBytesMax,
      insertions: this.#insertions,
      evictionsSmall: this.#queues.evictionsSmall,
      evictionsMain: this.#queues.evictionsMain,
      promotions: this.#queues.promotions,
      shed: this.#queues.shed,
      refused: this.#refused,
    };
  }

  /** Octets that entries take at most. */
  get entryBytesMax(): number {
    return this.#queues.entryBytesMax;
  }

  /** See {@link EntryQueues.setShare}. */
  setShare(share: number): void {
    this.#queues.setShare(share);
  }

  /** Evicts some of what is beyond the share. @returns whether there is more to do */
  shedSome(returnMemory: ReturnMemory): boolean {
    const free = this.#queues.shedSome();
    for (const { start, end } of free ?? []) returnMemory(this.#arena.memory, start, end);
    return free !== undefined;
  }

  /** The entry of a key, or -1. It holds until the store next changes. */
  find(key: Uint8Array, keyLength: number): number {
    return this.#queues.find(this.#hash(key, keyLength), key, keyLength);
  }

  /** Counts a use of an entry. */
  touch(entry: number): void {
    const uses = this.#arena.uses(entry);
    if (uses < layout.usesMax) this.#arena.setUses(entry, uses + 1);
    this.#arena.setHits(entry, this.#arena.hits(entry) + 1);
  }

  /** A copy of the key of an entry. */
  keyOf(entry: number): Buffer {
    const start = this.#arena.keyStart(entry);
    return Buffer.from(this.#arena.bytes.subarray(start, start + this.#arena.keyLength(entry)));
  }

  hits(entry: number): number {
    return this.#arena.hits(entry);
  }

  expiresAtMs(entry: number): number {
    return this.#arena.expiresAtMs(entry);
  }

  ttlSeconds(entry: number): number {
    return this.#arena.ttlSeconds(entry);
  }

  answerLength(entry: number): number {
    return this.#arena.answerLength(entry);
  }

  /** Whether there is more to say of it than its octets do: extended errors, or a scope. */
  hasExtras(entry: number): boolean {
    return this.#arena.errorsLength(entry) > 0;
  }

  /** Whether only the stages may serve it. */
  isForStages(entry: number): boolean {
    return (this.#arena.flags(entry) & layout.flagForStages) !== 0;
  }

  setForStages(entry: number, isForStages: boolean): void {
    const others = this.#arena.flags(entry) & ~layout.flagForStages;
    this.#arena.setFlags(entry, isForStages ? others | layout.flagForStages : others);
  }

  isForEverybody(entry: number): boolean {
    return (this.#arena.flags(entry) & layout.flagForEverybody) !== 0;
  }

  isAuthenticData(entry: number): boolean {
    return (this.#arena.flags(entry) & layout.flagAuthenticData) !== 0;
  }

  /** Marks that a refresh was asked for. @returns whether it was not marked before */
  markRefreshing(entry: number): boolean {
    const flags = this.#arena.flags(entry);
    this.#arena.setFlags(entry, flags | layout.flagRefreshing);
    return (flags & layout.flagRefreshing) === 0;
  }

  /** Takes the mark back: the refresh failed, so the next hit may ask again. */
  unmarkRefreshing(key: Buffer): void {
    const entry = this.find(key, key.length);
    if (entry < 0) return;
    this.#arena.setFlags(entry, this.#arena.flags(entry) & ~layout.flagRefreshing);
  }

  /**
   * Copies the answer of an entry to `out` with TTLs counted down to `nowMs`. The stored TTLs are
   * aged in place, at most once a second for each entry.
   */
  copyAnswer(entry: number, nowMs: number, out: Uint8Array, outStart: number): void {
    const arena = this.#arena;
    const start = arena.answerStart(entry);
    const length = arena.answerLength(entry);
    const elapsedSeconds = Math.floor((nowMs - arena.ttlsRightAtMs(entry)) / 1000);
    if (elapsedSeconds > 0) {
      ageTtls(arena.bytes, start, start + length, elapsedSeconds);
      arena.setTtlsRightAtMs(entry, arena.ttlsRightAtMs(entry) + elapsedSeconds * 1000);
    }
    const { bytes } = arena;
    for (let i = 0; i < length; i++) out[outStart + i] = byteAt(bytes, start + i);
  }

  /** An entry as values, its octets copied. */
  read(entry: number): StoredEntry {
    return readEntry(this.#arena, entry);
  }

  /** Every living entry in slices of at most so many; the store may change between two slices. */
  slices(entriesMax: number): Generator<number[]> {
    return this.#queues.slices(entriesMax);
  }

  /**
   * Stores an answer that was right `ageSeconds` ago, in place of an earlier one of the same key.
   * @returns whether it was kept
   */
  put(key: Buffer, answer: Answer, nowMs: number, ageSeconds: number): boolean {
    const { wire, extendedErrors } = answer;
    const isForEverybody = answer.scopeBits === 0;
    const extras = packExtras(isForEverybody ? { extendedErrors } : answer);
    const contentBytes = key.length + wire.length + extras.length;
    const size = layout.aligned(layout.headerBytes + contentBytes);
    const previous = this.find(key, key.length);
    const heritage = this.#retire(previous);
    const hash = this.#hash(key, key.length);
    const entry = this.#queues.allocate(hash, size, heritage.popular);
    if (entry < 0) {
      this.#refused++;
      return false;
    }
    const rightAtMs = nowMs - ageSeconds * 1000;
    const authentic = answer.authenticData ? layout.flagAuthenticData : 0;
    this.#arena.setExpiresAtMs(entry, rightAtMs + answer.ttlSeconds * 1000);
    this.#arena.setTtlsRightAtMs(entry, rightAtMs);
    this.#arena.setTtlSeconds(entry, answer.ttlSeconds);
    this.#arena.setLengths(entry, key.length, wire.length, extras.length);
    const everybody = isForEverybody ? layout.flagForEverybody : 0;
    this.#arena.setFlags(entry, layout.answerKinds.indexOf(answer.kind) | authentic | everybody);
    this.#arena.setUses(entry, heritage.uses);
    this.#arena.setHits(entry, heritage.hits);
    this.#arena.setContents(entry, [key, wire, extras]);
    this.#insertions++;
    return true;
  }

  /** @returns whether there was an entry of this key */
  delete(key: Uint8Array, keyLength: number): boolean {
    const entry = this.find(key, keyLength);
    if (entry >= 0) this.#queues.kill(entry);
    return entry >= 0;
  }

  /** Deletes the entries whose key satisfies `matches`. @returns how many */
  deleteWhere(matches: (key: Buffer) => boolean): number {
    let deleted = 0;
    const all = [...this.#queues.slices(Number.POSITIVE_INFINITY)].flat();
    for (const entry of all) {
      const start = this.#arena.keyStart(entry);
      if (!matches(this.#arena.bytes.subarray(start, start + this.#arena.keyLength(entry))))
        continue;
      this.#queues.kill(entry);
      deleted++;
    }
    return deleted;
  }

  /** Deletes everything. @returns how many entries there were */
  clear(): number {
    const entries = this.#queues.entryCount;
    this.#queues.clear();
    return entries;
  }

  #hash(key: Uint8Array, keyLength: number): number {
    return spreadBits(hashOctets(key, 0, keyLength, this.#seed));
  }

  /** Takes a replaced entry out; its successor inherits what is known of its popularity, fading. */
  #retire(entry: number): Heritage {
    if (entry < 0) return { popular: false, uses: 0, hits: 0 };
    const popular = this.#queues.isInMain(entry);
    const uses = Math.max(0, this.#arena.uses(entry) - 1);
    const hits = this.#arena.hits(entry) >>> 1;
    this.#queues.kill(entry);
    return { popular, uses, hits };
  }
}

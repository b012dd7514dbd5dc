import { putUint16, uint16At } from '../base/bytes.ts';
import { isPlainNxdomain } from '../dns/answer.ts';
import type { Answer } from '../dns/answer.ts';
import { isAtOrBelow } from '../dns/name.ts';
import {
  decodeKey,
  keyLengthMax,
  keySuffixLength,
  keyWithoutSubnet,
  typeOfNxdomain,
} from '../dns/question.ts';
import type { AnswerStore, StoreFigures } from './answer-store.ts';
import { NoStageMarks } from './stage-marks.ts';
import type { StageMarks } from './stage-marks.ts';
import type { StoredEntry } from './stored-entry.ts';

/** What L1 has for a question. */
export interface Recollection {
  readonly entry: StoredEntry;
  /** Whole seconds since its TTLs were right. */
  readonly ageSeconds: number;
  /** Milliseconds since it expired; negative while it is fresh. */
  readonly expiredForMs: number;
}

/** A key and how often it was asked for since its answer was stored. */
export interface HotKey {
  readonly key: Buffer;
  readonly hits: number;
}

/** When a hit makes the cache ask for a new answer before the old one expires. */
export interface PrefetchPolicy {
  readonly enabled: boolean;
  /** Hits that make a name popular. */
  readonly hitsMin: number;
  /** Share of the TTL at its end in which a popular name is refreshed. */
  readonly remainingShare: number;
}

/** Told on a hit that is due for a refresh; the key is a copy. */
export type RefreshDue = (key: Buffer) => void;

/** Called where nobody listens yet. */
function ignoreRefresh(): void {}

/** For a key that is looked for: one for each of many would be garbage. */
const scratch = new Uint8Array(keyLengthMax);

/**
 * The rules of DNS over the store: an NXDOMAIN is kept once for all types of its name (RFC 2308
 * section 5), and popular entries are refreshed before they expire. Also the hot path's view of
 * L1: {@link serve} finds and copies an answer without allocating anything.
 */
export class AnswerCache {
  readonly #store: AnswerStore;
  #prefetch: PrefetchPolicy;
  #refreshDue: RefreshDue = ignoreRefresh;
  #marks: StageMarks = new NoStageMarks();
  /** Whether the entry served last had the AD bit to show. */
  lastAuthenticData = false;

  constructor(store: AnswerStore, prefetch: PrefetchPolicy) {
    this.#store = store;
    this.#prefetch = prefetch;
  }

  figures(): StoreFigures {
    return this.#store.figures();
  }

  setPrefetch(policy: PrefetchPolicy): void {
    this.#prefetch = policy;
  }

  /** Sets who marks entries; those that are here already are marked by {@link remark}. */
  setMarks(marks: StageMarks): void {
    this.#marks = marks;
  }

  /** Marks all entries anew, in slices; the cache may change between two of them. */
  *remark(entriesMax: number): Generator<void> {
    for (const slice of this.#store.slices(entriesMax)) {
      for (const entry of slice) this.#mark(entry);
      yield;
    }
  }

  onRefreshDue(task: RefreshDue): void {
    this.#refreshDue = task;
  }

  /**
   * Copies the fresh answer to the key `key[0, keyLength)` to `out` at `outStart`, TTLs counted
   * down. `key` is scratch of the caller: its type may be changed.
   * @returns the length, or 0 when there is none, or it has more than `bytesMax` octets, or
   *   carries extended errors, or is marked: all that is for the stages
   */
  // oxlint-disable-next-line max-params -- hot path: an object for the arguments would be garbage per hit
  serve(
    key: Uint8Array,
    keyLength: number,
    nowMs: number,
    out: Uint8Array,
    outStart: number,
    bytesMax: number,
  ): number {
    const store = this.#store;
    let entry = store.find(key, keyLength);
    if (entry < 0 || store.expiresAtMs(entry) <= nowMs) {
      putUint16(key, keyLength - keySuffixLength, typeOfNxdomain);
      entry = store.find(key, keyLength);
      if (entry < 0) return 0;
    }
    const remainingMs = store.expiresAtMs(entry) - nowMs;
    const length = store.answerLength(entry);
    if (remainingMs <= 0 || length > bytesMax) return 0;
    if (store.hasExtras(entry) || store.isForStages(entry)) return 0;
    this.#use(entry, nowMs);
    store.copyAnswer(entry, nowMs, out, outStart);
    this.lastAuthenticData = store.isAuthenticData(entry);
    return length;
  }

  /** What is known of a key, fresh or expired; counted as a use when `use` is set. */
  recall(key: Buffer, nowMs: number, use: boolean): Recollection | undefined {
    const entry = this.#findForSubnet(key, nowMs);
    if (entry < 0) return undefined;
    const expiredForMs = nowMs - this.#store.expiresAtMs(entry);
    if (use) this.#use(entry, nowMs);
    const stored = this.#store.read(entry);
    const ageSeconds = Math.max(0, Math.floor((nowMs - stored.ttlsRightAtMs) / 1000));
    return { entry: stored, ageSeconds, expiredForMs };
  }

  /** Keeps an answer that was right `ageSeconds` ago; one without lifetime left is not kept. */
  keep(key: Buffer, answer: Answer, nowMs: number, ageSeconds: number): boolean {
    if (answer.ttlSeconds <= ageSeconds) return false;
    return this.keepExpired(key, answer, nowMs, ageSeconds);
  }

  /**
   * As {@link keep}, for an answer that may have expired: it serves as a stale one. One that was asked
   * for on behalf of a subnet and is for everybody is kept for everybody as well; but not one that
   * was asked for on behalf of nobody, which has no scope to tell (RFC 7871 section 7.3.1).
   */
  keepExpired(key: Buffer, answer: Answer, nowMs: number, ageSeconds: number): boolean {
    const isShared = answer.scopeBits === 0 && decodeKey(key).flags.clientSubnet?.sourceBits !== 0;
    const shared = isShared ? keyWithoutSubnet(key) : undefined;
    if (shared !== undefined) this.#keepUnder(shared, answer, nowMs, ageSeconds);
    return this.#keepUnder(key, answer, nowMs, ageSeconds);
  }

  #keepUnder(key: Buffer, answer: Answer, nowMs: number, ageSeconds: number): boolean {
    const forAllTypes = nxdomainKey(key);
    if (isPlainNxdomain(answer)) {
      this.#store.delete(key, key.length);
      return this.restore(forAllTypes, answer, nowMs, ageSeconds);
    }
    this.#store.delete(forAllTypes, forAllTypes.length);
    return this.restore(key, answer, nowMs, ageSeconds);
  }

  /** The refresh of a key failed: a later hit may ask for it again. */
  refreshFailed(key: Buffer): void {
    this.#store.unmarkRefreshing(key);
    this.#store.unmarkRefreshing(nxdomainKey(key));
  }

  /** Forgets all types of a name. @returns how many entries */
  forgetName(name: Buffer): number {
    return this.forgetWhere((kept) => kept.equals(name));
  }

  /** Forgets a name and all below it. @returns how many entries */
  forgetSuffix(suffix: Buffer): number {
    return this.forgetWhere((kept) => isAtOrBelow(kept, suffix));
  }

  /** Forgets every name, in wire form and lower case, for which `matches`. @returns how many entries */
  forgetWhere(matches: (name: Buffer) => boolean): number {
    return this.#store.deleteWhere((key) => matches(decodeKey(key).question.name));
  }

  /** Forgets everything. @returns how many entries */
  forgetAll(): number {
    return this.#store.clear();
  }

  /** Every entry as values, in slices; the cache may change between two of them. */
  *slices(entriesMax: number): Generator<StoredEntry[]> {
    for (const slice of this.#store.slices(entriesMax)) {
      yield slice.map((entry) => this.#store.read(entry));
    }
  }

  /** The entries with the most hits, at least one, the most first; looked for in slices. */
  *hottest(keysMax: number, entriesPerSlice: number): Generator<void, HotKey[]> {
    const found: HotKey[] = [];
    let hitsMin = 1;
    for (const slice of this.#store.slices(entriesPerSlice)) {
      for (const entry of slice) {
        const hits = this.#store.hits(entry);
        if (hits < hitsMin) continue;
        found.push({ key: this.#store.keyOf(entry), hits });
        if (found.length < keysMax * 2) continue;
        found.sort((one, other) => other.hits - one.hits);
        found.length = keysMax;
        hitsMin = found.at(-1)?.hits ?? 1;
      }
      yield;
    }
    found.sort((one, other) => other.hits - one.hits);
    return found.slice(0, keysMax);
  }

  /** The entries of a name of any type and flags. */
  entriesOf(name: Buffer): StoredEntry[] {
    const found: StoredEntry[] = [];
    for (const slice of this.slices(Number.POSITIVE_INFINITY)) {
      found.push(...slice.filter(({ key }) => decodeKey(key).question.name.equals(name)));
    }
    return found;
  }

  /** Puts an entry back as a snapshot had it, expired or not; TTLs were right `ageSeconds` ago. */
  restore(key: Buffer, answer: Answer, nowMs: number, ageSeconds: number): boolean {
    if (!this.#store.put(key, answer, nowMs, ageSeconds)) return false;
    if (this.#marks.needsStages(decodeKey(key).question.name, answer)) {
      this.#store.setForStages(this.#store.find(key, key.length), true);
    }
    return true;
  }

  #mark(entry: number): void {
    const { key, answer } = this.#store.read(entry);
    const { name } = decodeKey(key).question;
    this.#store.setForStages(entry, this.#marks.needsStages(name, answer));
  }

  /**
   * For a subnet: what is kept for it, else what is for everybody while that is fresh. Servers tell
   * those whose place they do not know that their answer is for everybody, though it is not.
   */
  #findForSubnet(key: Buffer, nowMs: number): number {
    const own = this.#findEither(key, nowMs);
    const shared = keyWithoutSubnet(key);
    const forAll = shared === undefined ? -1 : this.#findEither(shared, nowMs);
    const store = this.#store;
    if (forAll < 0 || !store.isForEverybody(forAll)) return own;
    if (own < 0) return forAll;
    const isOwnUsed = store.expiresAtMs(own) > nowMs || store.expiresAtMs(forAll) <= nowMs;
    return isOwnUsed ? own : forAll;
  }

  /** The answer of a key or the NXDOMAIN of its name: the fresh one, else the one fetched last. */
  #findEither(key: Buffer, nowMs: number): number {
    const store = this.#store;
    const own = store.find(key, key.length);
    if (own >= 0 && store.expiresAtMs(own) > nowMs) return own;
    const nxdomain = isForAllTypes(key) ? own : this.#findNxdomain(key);
    if (own < 0 || nxdomain < 0) return Math.max(own, nxdomain);
    if (store.expiresAtMs(nxdomain) > nowMs) return nxdomain;
    return this.#fetchedAtMs(own) > this.#fetchedAtMs(nxdomain) ? own : nxdomain;
  }

  #findNxdomain(key: Buffer): number {
    scratch.set(key);
    putUint16(scratch, key.length - keySuffixLength, typeOfNxdomain);
    return this.#store.find(scratch, key.length);
  }

  #fetchedAtMs(entry: number): number {
    return this.#store.expiresAtMs(entry) - this.#store.ttlSeconds(entry) * 1000;
  }

  /** Takes the time, not what is left: a number with fractions would be an object per hit. */
  #use(entry: number, nowMs: number): void {
    const store = this.#store;
    const remainingMs = store.expiresAtMs(entry) - nowMs;
    store.touch(entry);
    const { enabled, hitsMin, remainingShare } = this.#prefetch;
    if (!enabled || remainingMs <= 0 || store.hits(entry) < hitsMin) return;
    if (remainingMs > store.ttlSeconds(entry) * 1000 * remainingShare) return;
    if (store.markRefreshing(entry)) this.#refreshDue(store.keyOf(entry));
  }
}

function isForAllTypes(key: Buffer): boolean {
  return uint16At(key, key.length - keySuffixLength) === typeOfNxdomain;
}

/** The key under which an NXDOMAIN of this name is kept. */
export function nxdomainKey(key: Buffer): Buffer {
  const forAllTypes = Buffer.from(key);
  putUint16(forAllTypes, key.length - keySuffixLength, typeOfNxdomain);
  return forAllTypes;
}

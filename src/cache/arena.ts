import * as layout from './entry-layout.ts';

/**
 * The memory of all entries: one ArrayBuffer outside the heap of the runtime, seen as octets and
 * as numbers. Pages that were never written cost no memory. An entry is known by its offset.
 */
export class Arena {
  readonly memory: ArrayBuffer;
  readonly bytes: Buffer;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #doubles: Float64Array;

  constructor(size: number) {
    const memory = new ArrayBuffer(layout.aligned(size));
    this.memory = memory;
    this.bytes = Buffer.from(memory);
    this.#bytes = this.bytes;
    this.#words = new Uint32Array(memory);
    this.#halves = new Uint16Array(memory);
    this.#doubles = new Float64Array(memory);
  }

  size(entry: number): number {
    return this.#words[entry / 4 + layout.sizeWord] ?? 0;
  }

  setSize(entry: number, bytes: number): void {
    this.#words[entry / 4 + layout.sizeWord] = bytes;
  }

  hash(entry: number): number {
    return this.#words[entry / 4 + layout.hashWord] ?? 0;
  }

  setHash(entry: number, hash: number): void {
    this.#words[entry / 4 + layout.hashWord] = hash;
  }

  expiresAtMs(entry: number): number {
    return this.#doubles[entry / 8 + layout.expiryDouble] ?? 0;
  }

  setExpiresAtMs(entry: number, atMs: number): void {
    this.#doubles[entry / 8 + layout.expiryDouble] = atMs;
  }

  ttlsRightAtMs(entry: number): number {
    return this.#doubles[entry / 8 + layout.ttlsRightDouble] ?? 0;
  }

  setTtlsRightAtMs(entry: number, atMs: number): void {
    this.#doubles[entry / 8 + layout.ttlsRightDouble] = atMs;
  }

  ttlSeconds(entry: number): number {
    return this.#words[entry / 4 + layout.ttlWord] ?? 0;
  }

  setTtlSeconds(entry: number, seconds: number): void {
    this.#words[entry / 4 + layout.ttlWord] = seconds;
  }

  hits(entry: number): number {
    return this.#words[entry / 4 + layout.hitsWord] ?? 0;
  }

  setHits(entry: number, hits: number): void {
    this.#words[entry / 4 + layout.hitsWord] = hits;
  }

  flags(entry: number): number {
    return this.#bytes[entry + layout.flagsByte] ?? 0;
  }

  setFlags(entry: number, flags: number): void {
    this.#bytes[entry + layout.flagsByte] = flags;
  }

  uses(entry: number): number {
    return this.#bytes[entry + layout.usesByte] ?? 0;
  }

  setUses(entry: number, uses: number): void {
    this.#bytes[entry + layout.usesByte] = uses;
  }

  keyLength(entry: number): number {
    return this.#halves[entry / 2 + layout.keyLengthHalf] ?? 0;
  }

  answerLength(entry: number): number {
    return this.#halves[entry / 2 + layout.answerLengthHalf] ?? 0;
  }

  errorsLength(entry: number): number {
    return this.#halves[entry / 2 + layout.errorsLengthHalf] ?? 0;
  }

  setLengths(entry: number, key: number, answer: number, errors: number): void {
    this.#halves[entry / 2 + layout.keyLengthHalf] = key;
    this.#halves[entry / 2 + layout.answerLengthHalf] = answer;
    this.#halves[entry / 2 + layout.errorsLengthHalf] = errors;
  }

  /** Copies the parts of an entry, one behind the other, into its room. */
  setContents(entry: number, parts: readonly Uint8Array[]): void {
    let at = entry + layout.headerBytes;
    for (const part of parts) {
      this.#bytes.set(part, at);
      at += part.length;
    }
  }

  keyStart(entry: number): number {
    return entry + layout.headerBytes;
  }

  answerStart(entry: number): number {
    return entry + layout.headerBytes + this.keyLength(entry);
  }

  /** Whether the key of the entry is `key[0, length)`. */
  hasKey(entry: number, key: Uint8Array, length: number): boolean {
    if (this.keyLength(entry) !== length) return false;
    const start = this.keyStart(entry);
    for (let i = 0; i < length; i++) if (this.#bytes[start + i] !== key[i]) return false;
    return true;
  }
}

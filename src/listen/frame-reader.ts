import { uint16At } from '../base/bytes.ts';

/** Octets of the length before each message over TCP (RFC 1035 section 4.2.2). */
export const frameHeadLength = 2;

/**
 * Cuts a stream into messages. Holds at most what was received and not yet taken, and the caller
 * stops reading while it does not take.
 */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);
  #at = 0;

  /** Octets of messages that are not complete, or not taken yet. */
  get pendingBytes(): number {
    return this.#pending.length - this.#at;
  }

  push(chunk: Buffer): void {
    this.#pending =
      this.pendingBytes === 0 ? chunk : Buffer.concat([this.#pending.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The next complete message, a view of what was received; undefined when there is none yet. */
  next(): Buffer | undefined {
    if (this.pendingBytes < frameHeadLength) return undefined;
    const start = this.#at + frameHeadLength;
    const end = start + uint16At(this.#pending, this.#at);
    if (end > this.#pending.length) return undefined;
    this.#at = end;
    return this.#pending.subarray(start, end);
  }
}

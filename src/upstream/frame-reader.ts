import { messageLengthMax } from '../dns/message.ts';

/** Two octets of length in front of each message (RFC 1035 section 4.2.2). */
const prefixLength = 2;

/** A message behind its length, to be written at once (RFC 7766 section 8). */
export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(prefixLength + message.length);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, prefixLength);
  return framed;
}

/**
 * Cuts a stream into messages. Holds at most one message that is not complete, in one buffer that
 * grows to its length and is let go with it: bounded by 65,537 octets.
 */
export class FrameReader {
  #partial: Buffer = Buffer.alloc(0);
  #filled = 0;

  /** The messages that `chunk` completes. They are copies. */
  push(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      at += this.#take(chunk.subarray(at));
      if (!this.#isComplete()) continue;
      messages.push(this.#partial.subarray(prefixLength));
      this.#partial = Buffer.alloc(0);
      this.#filled = 0;
    }
    return messages;
  }

  /** Octets held of a message that is not complete. */
  get pendingBytes(): number {
    return this.#filled;
  }

  #isComplete(): boolean {
    return this.#filled >= prefixLength && this.#filled === this.#wanted();
  }

  /** Length of what is being read: the prefix alone until it is known. */
  #wanted(): number {
    return this.#filled < prefixLength
      ? prefixLength
      : prefixLength + Math.min(this.#partial.readUInt16BE(0), messageLengthMax);
  }

  #take(chunk: Buffer): number {
    const wanted = this.#wanted();
    if (this.#partial.length < wanted) {
      const larger = Buffer.allocUnsafeSlow(wanted);
      this.#partial.copy(larger, 0, 0, this.#filled);
      this.#partial = larger;
    }
    const taken = chunk.copy(this.#partial, this.#filled, 0, wanted - this.#filled);
    this.#filled += taken;
    return taken;
  }
}

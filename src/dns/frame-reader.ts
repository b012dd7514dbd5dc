import { putUint16, uint16At } from '../base/bytes.ts';
import { messageLengthMax } from './message.ts';

/** Octets of the length before each message over TCP (RFC 1035 section 4.2.2). */
export const frameHeadLength = 2;
/** First room for a message that came in pieces: most queries, and many responses, fit into it. */
const pieceBytesMin = 512;
const pieceBytesMax = frameHeadLength + messageLengthMax;

const nothing: Buffer = Buffer.alloc(0);

/** A message behind its length, to be written at once (RFC 7766 section 8). */
export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(frameHeadLength + message.length);
  putUint16(framed, 0, message.length);
  message.copy(framed, frameHeadLength);
  return framed;
}

/**
 * Cuts a stream into messages, which are pulled one by one: who is busy stops taking, and stops
 * reading from the socket.
 *
 *     reader.push(chunk);
 *     for (let message = reader.next(); message !== undefined; message = reader.next()) …
 *
 * A message that lies whole within a chunk is a view of it. Only one that came in pieces is put
 * together, in room that doubles as it fills: beyond 512 octets it costs at most twice what was
 * received of it, whatever length it announced, and never more than 65,537 octets. Beside that the
 * reader holds the chunk that was not taken to its end.
 */
export class FrameReader {
  #chunk: Buffer = nothing;
  #at = 0;
  /** The beginning of a message, its length included. */
  #pieces: Buffer = nothing;
  #filled = 0;

  /** Octets of messages that are not complete, or not taken yet. */
  get pendingBytes(): number {
    return this.#filled + this.#chunk.length - this.#at;
  }

  /** What was received; it must not change until its messages were taken and used. */
  push(chunk: Buffer): void {
    const isTaken = this.#at === this.#chunk.length;
    this.#chunk = isTaken ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The next complete message; undefined when there is none, and the chunk is then let go. */
  next(): Buffer | undefined {
    if (this.#filled > 0) return this.#nextFromPieces();
    const chunk = this.#chunk;
    const start = this.#at + frameHeadLength;
    if (start <= chunk.length) {
      const end = start + uint16At(chunk, this.#at);
      if (end <= chunk.length) {
        this.#at = end;
        return chunk.subarray(start, end);
      }
    }
    this.#collect(chunk.length - this.#at);
    return undefined;
  }

  #nextFromPieces(): Buffer | undefined {
    if (this.#filled < frameHeadLength) this.#collect(frameHeadLength - this.#filled);
    if (this.#filled >= frameHeadLength) {
      const length = frameHeadLength + uint16At(this.#pieces, 0);
      this.#collect(length - this.#filled);
      if (this.#filled === length) {
        const message = this.#pieces.subarray(frameHeadLength, length);
        this.#pieces = nothing;
        this.#filled = 0;
        return message;
      }
    }
    return undefined;
  }

  /** Moves as many octets of the chunk, or what it has, to the pieces. */
  #collect(octetsMax: number): void {
    const end = Math.min(this.#at + octetsMax, this.#chunk.length);
    const filled = this.#filled + end - this.#at;
    if (filled > this.#pieces.length) {
      const room = Math.min(Math.max(pieceBytesMin, 2 * filled), pieceBytesMax);
      const larger = Buffer.allocUnsafeSlow(room);
      this.#pieces.copy(larger, 0, 0, this.#filled);
      this.#pieces = larger;
    }
    this.#chunk.copy(this.#pieces, this.#filled, this.#at, end);
    this.#filled = filled;
    this.#at = end;
    if (this.#at === this.#chunk.length) {
      this.#chunk = nothing;
      this.#at = 0;
    }
  }
}

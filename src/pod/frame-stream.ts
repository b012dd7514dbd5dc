import type { Duplex } from 'node:stream';
import { uint32At } from '../base/bytes.ts';
import { frameBytesMax, frameHeadLength } from './frames.ts';

/** Cuts a stream into frames; each is a view of what was pushed, good until the next push. */
export class FrameCutter {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns whether the stream can be read on: false when a frame is longer than any of ours */
  push(chunk: Buffer, take: (frame: Buffer) => void): boolean {
    const octets = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (octets.length - at >= frameHeadLength) {
      const length = frameHeadLength + uint32At(octets, at);
      if (length > frameBytesMax) return false;
      if (at + length > octets.length) break;
      take(octets.subarray(at, at + length));
      at += length;
    }
    this.#rest = octets.subarray(at);
    return true;
  }
}

/**
 * Writes all frames of one turn of the event loop at once: after all that was received in the turn
 * was looked at. What waits is bounded by who writes: one frame for each ask in flight.
 */
export class FrameWriter {
  readonly #carrier: Duplex;
  #frames: Buffer[] = [];

  constructor(carrier: Duplex) {
    this.#carrier = carrier;
  }

  write(frame: Buffer): void {
    this.#frames.push(frame);
    if (this.#frames.length === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const frames = this.#frames;
    this.#frames = [];
    if (!this.#carrier.writable) return; // the other side is gone: its end is told by 'close'
    this.#carrier.write(frames.length === 1 ? frames[0] : Buffer.concat(frames));
  }
}

/** Octets allocated at a time: room for a thousand short responses. */
const slabBytes = 64 * 1024;

/**
 * Room for responses that are handed to the kernel and may wait there: each gets octets of its
 * own, cut one after the other from a large piece. A piece is garbage once all of it was sent.
 */
export class ResponseSlab {
  bytes: Buffer = Buffer.allocUnsafeSlow(slabBytes);
  position = 0;

  /** Makes sure that `bytesMax` octets follow `position` in `bytes`. */
  reserve(bytesMax: number): void {
    if (this.position + bytesMax <= this.bytes.length) return;
    this.bytes = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytesMax));
    this.position = 0;
  }

  /** Gives away `length` octets from `position` on. */
  take(length: number): void {
    this.position += length;
  }
}

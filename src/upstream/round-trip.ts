/** Time that a try waits for an upstream of which nothing is known. */
export const unknownTryTimeoutMs = 400;
/** RFC 6298 section 2.3. */
const smoothing = 1 / 8;
const variationSmoothing = 1 / 4;
const variationWeight = 4;

/** Bounds of a try's time. */
export interface TryTimeoutLimits {
  readonly tryTimeoutMinMs: number;
  readonly tryTimeoutMaxMs: number;
}

/**
 * The smoothed round trip time and its variation (RFC 6298 section 2). Unlike there, a sample is
 * also taken after a retransmission, from the first sending: too high a sample heals with the next
 * ones, while an upstream that became slower than its timeout would otherwise never be measured.
 */
export class RoundTrip {
  #smoothedMs: number | undefined;
  #variationMs: number | undefined;

  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  get variationMs(): number | undefined {
    return this.#variationMs;
  }

  sample(elapsedMs: number): void {
    if (this.#smoothedMs === undefined || this.#variationMs === undefined) {
      this.#smoothedMs = elapsedMs;
      this.#variationMs = elapsedMs / 2;
      return;
    }
    const deviationMs = Math.abs(this.#smoothedMs - elapsedMs);
    this.#variationMs += variationSmoothing * (deviationMs - this.#variationMs);
    this.#smoothedMs += smoothing * (elapsedMs - this.#smoothedMs);
  }

  /** How long the try number `tries` (from 1) waits; doubles with each (RFC 6298 section 5.5). */
  tryTimeoutMs(tries: number, limits: TryTimeoutLimits): number {
    const onceMs =
      this.#smoothedMs === undefined || this.#variationMs === undefined
        ? unknownTryTimeoutMs
        : this.#smoothedMs + variationWeight * this.#variationMs;
    const leastMs = Math.max(onceMs, limits.tryTimeoutMinMs);
    return Math.min(leastMs * 2 ** (tries - 1), limits.tryTimeoutMaxMs);
  }
}

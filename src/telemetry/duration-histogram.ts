/** Samples in buckets: as plain numbers, written when something happens and read at a scrape. */
export class DurationHistogram {
  readonly boundsSeconds: readonly number[];
  /** Not cumulative; the last one is +Inf. */
  readonly buckets: Float64Array;
  #sumSeconds = 0;

  constructor(boundsSeconds: readonly number[]) {
    this.boundsSeconds = boundsSeconds;
    this.buckets = new Float64Array(boundsSeconds.length + 1);
  }

  get sumSeconds(): number {
    return this.#sumSeconds;
  }

  observe(seconds: number): void {
    const found = this.boundsSeconds.findIndex((bound) => seconds <= bound);
    const index = found < 0 ? this.boundsSeconds.length : found;
    this.buckets[index] = (this.buckets[index] ?? 0) + 1;
    this.#sumSeconds += seconds;
  }
}

import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { GridCaller } from './grid-caller.ts';

/** Samples looked at together: the offset follows a clock that drifts. */
const samplesMax = 60;
/** At first often, so that the offset is known to a tenth of a second within seconds. */
const eagerSamples = 12;
const eagerIntervalMs = 300;
const calmIntervalMs = 7300; // no multiple of a second: samples must fall on all phases of one
const deadlineMs = 1000;
const entryTtlMs = 60_000;

/** One sample bounds the offset from both sides. */
interface Sample {
  readonly lowMs: number;
  readonly highMs: number;
}

/**
 * The clock of the grid, so that replicas whose own clocks differ agree on the age of an entry.
 * A member tells when an entry was last written, in whole seconds. Written between `sent` and
 * `received` of our monotonic clock, `told <= written < told + 1 s`, so the offset lies between
 * `told - received` and `told + 1 s - sent`; many samples narrow it to about a millisecond.
 */
export class GridClock {
  readonly #clock: Clock;
  readonly #caller: GridCaller;
  readonly #mapName: string;
  readonly #replicaId: string;
  readonly #samples: Sample[] = [];
  #timer: Timer | undefined;
  #asked = 0;
  #taken = 0;

  constructor(clock: Clock, caller: GridCaller, prefix: string, replicaId: string) {
    this.#clock = clock;
    this.#caller = caller;
    this.#mapName = `${prefix}.clock`;
    this.#replicaId = replicaId;
  }

  /** Grid time in milliseconds since the Unix epoch; undefined before the first sample. */
  nowMs(): number | undefined {
    const bounds = this.bounds();
    if (bounds === undefined) return undefined;
    return this.#clock.nowMs() + (bounds.lowMs + bounds.highMs) / 2;
  }

  /** Between what the offset from our monotonic clock lies. */
  bounds(): { readonly lowMs: number; readonly highMs: number } | undefined {
    if (this.#samples.length === 0) return undefined;
    const lowMs = Math.max(...this.#samples.map((sample) => sample.lowMs));
    const highMs = Math.min(...this.#samples.map((sample) => sample.highMs));
    return { lowMs, highMs };
  }

  /** Half of the width of the bounds: how far from the truth {@link nowMs} may be. */
  uncertaintyMs(): number {
    const bounds = this.bounds();
    return bounds === undefined ? Number.POSITIVE_INFINITY : (bounds.highMs - bounds.lowMs) / 2;
  }

  /** How far this machine's wall clock is ahead of the grid's, in milliseconds; undefined if unknown. */
  skewMs(): number | undefined {
    const nowMs = this.nowMs();
    return nowMs === undefined ? undefined : this.#clock.wallMs() - nowMs;
  }

  /** Begins to take samples; resolves after the first one was tried. */
  async start(): Promise<void> {
    await this.sample();
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async sample(): Promise<void> {
    // A key of its own: a write given up on may still come through, and must not be taken for this.
    const key = `${this.#replicaId}/${String(++this.#asked)}`;
    const sentMs = this.#clock.nowMs();
    const result = await this.#caller.call({
      operation: 'clock',
      deadlineMs,
      run: async (session) => {
        const map = await session.map(this.#mapName);
        await map.set(key, Buffer.from('clock'), entryTtlMs);
        const receivedMs = this.#clock.nowMs();
        const toldMs = await map.writtenAtMs(key);
        return toldMs === undefined ? undefined : { toldMs, receivedMs };
      },
    });
    if (result.outcome !== 'ok' || result.value === undefined) return;
    const { toldMs, receivedMs } = result.value;
    this.#add({ lowMs: toldMs - receivedMs, highMs: toldMs + 1000 - sentMs });
  }

  #add(sample: Sample): void {
    this.#samples.push(sample);
    if (this.#samples.length > samplesMax) this.#samples.shift();
    const { lowMs, highMs } = this.bounds() ?? sample;
    // Samples that exclude each other: a clock was set, or another member tells the time now.
    if (lowMs > highMs) this.#samples.splice(0, this.#samples.length, sample);
    this.#taken++;
  }

  #arm(): void {
    const isEager = this.#taken < eagerSamples;
    this.#timer?.cancel();
    this.#timer = repeat(this.#clock, isEager ? eagerIntervalMs : calmIntervalMs, () => {
      void this.sample(); // never rejects: the caller turns failures into outcomes
      if (isEager && this.#taken >= eagerSamples) this.#arm();
    });
  }
}

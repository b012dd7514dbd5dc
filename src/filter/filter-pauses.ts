import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock } from '../base/clock.ts';

/** For a time, lists hold for nobody, or not for the clients of a group. */
export interface FilterPause {
  /** Undefined: all clients. */
  readonly group: string | undefined;
  /** From now on; 0 ends what there is. */
  readonly durationMs: number;
}

/** Port to the other replicas, which pause as well. Never rejects, never blocks. */
export interface PauseBulletins {
  publishPause(pause: FilterPause): void;
  /** Calls `apply` for every pause that another replica published. */
  onPause(apply: (pause: FilterPause) => void): void;
}

/** No grid: nobody to tell, nobody to hear. */
export const noPauseBulletins: PauseBulletins = {
  publishPause: () => undefined,
  onPause: () => undefined,
};

/** As many groups as may be configured, and all clients. */
const pausesMax = 1001;
/** The key of all clients: no group has an empty name. */
const everybody = '';

/** For whom lists do not hold, and until when. */
export class FilterPauses {
  readonly #clock: Clock;
  readonly #untilMs = new BoundedMap<string, number>(pausesMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set({ group = everybody, durationMs }: FilterPause): void {
    if (durationMs <= 0) this.#untilMs.delete(group);
    else this.#untilMs.set(group, this.#clock.nowMs() + durationMs);
  }

  /** @param group that of the client; undefined where it is in none */
  isPaused(group: string | undefined): boolean {
    if (this.#untilMs.size === 0) return false;
    return (
      this.#remainingMs(everybody) > 0 || (group !== undefined && this.#remainingMs(group) > 0)
    );
  }

  /** Those that last, with what is left of them. */
  list(): FilterPause[] {
    return [...this.#untilMs.entries()]
      .map(([key]) => ({
        group: key === everybody ? undefined : key,
        durationMs: this.#remainingMs(key),
      }))
      .filter(({ durationMs }) => durationMs > 0);
  }

  /** What is over is forgotten. */
  #remainingMs(key: string): number {
    const untilMs = this.#untilMs.get(key);
    if (untilMs === undefined) return 0;
    const remainingMs = untilMs - this.#clock.nowMs();
    if (remainingMs <= 0) this.#untilMs.delete(key);
    return Math.max(0, remainingMs);
  }
}

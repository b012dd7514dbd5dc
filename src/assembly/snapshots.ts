import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { AnswerCache } from '../cache/answer-cache.ts';
import { Snapshot } from '../cache/snapshot.ts';
import type { Config } from '../config/schema.ts';
import type { SnapshotFigures } from '../telemetry/figures.ts';
import { LabelCounter } from '../telemetry/label-counter.ts';
import type { Log } from '../telemetry/log.ts';
import { ResultCounter } from '../telemetry/result-counter.ts';

/** Saves and loads the cache, and says so; a failure is logged and counted, never more. */
export class Snapshots {
  readonly #snapshot: Snapshot | undefined;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #saves: ResultCounter;
  readonly #loads = new LabelCounter<'success' | 'failure' | 'absent'>([
    'success',
    'failure',
    'absent',
  ]);
  #entries = 0;
  #timer: Timer | undefined;

  constructor(config: Config, cache: AnswerCache, { clock, log }: { clock: Clock; log: Log }) {
    const { path } = config.cache.snapshot;
    this.#path = path ?? '';
    this.#snapshot = path === undefined ? undefined : new Snapshot(path, cache, clock);
    this.#clock = clock;
    this.#log = log;
    this.#saves = new ResultCounter(clock);
  }

  /** Undefined where no snapshots are kept. */
  figures(): SnapshotFigures | undefined {
    if (this.#snapshot === undefined) return undefined;
    return {
      saves: Object.fromEntries(this.#saves.results.entries()),
      loads: Object.fromEntries(this.#loads.entries()),
      lastSuccessWallMs: this.#saves.lastSuccessWallMs,
      entries: this.#entries,
    };
  }

  /** Loads what is there; the start goes on cold when it cannot be used. */
  async load(staleSecondsMax: number): Promise<void> {
    if (this.#snapshot === undefined) return;
    try {
      const entries = await this.#snapshot.load(staleSecondsMax);
      this.#loads.count(entries === undefined ? 'absent' : 'success');
      if (entries !== undefined) this.#log.info('snapshot loaded', { path: this.#path, entries });
    } catch (error) {
      this.#loads.count('failure');
      this.#log.warn('snapshot refused: the cache starts empty', { path: this.#path, error });
    }
  }

  async save(): Promise<void> {
    if (this.#snapshot === undefined) return;
    try {
      this.#entries = await this.#snapshot.save();
      this.#saves.succeeded();
      this.#log.debug('snapshot saved', { path: this.#path, entries: this.#entries });
    } catch (error) {
      this.#saves.failed();
      this.#log.error('snapshot not saved', { path: this.#path, error });
    }
  }

  /** Saves at an interval from now on; again with another interval after a reload. */
  start(intervalMs: number): void {
    this.stop();
    if (this.#snapshot === undefined) return;
    this.#timer = repeat(this.#clock, intervalMs, () => void this.save()); // save() never rejects
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

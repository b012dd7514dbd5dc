import { BoundedMap } from '../base/bounded-map.ts';
import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridClock } from './grid-clock.ts';
import type { GridFigures } from './grid-figures.ts';
import { asReplicaEntry } from './replica-entry.ts';
import type { ReplicaDetails, ReplicaEntry } from './replica-entry.ts';
import { openJson, sealJson } from './sealed-json.ts';
import type { Seal } from './seal.ts';

export interface RegistryOptions {
  readonly prefix: string;
  /** Another one for each start of the process. */
  readonly replicaId: string;
  readonly version: string;
  /** How often a replica says that it is there. */
  readonly beatIntervalMs: number;
}

export interface RegistryParts {
  readonly clock: Clock;
  readonly caller: GridCaller;
  readonly gridClock: GridClock;
  readonly seal: Seal;
  readonly figures: GridFigures;
  /** What this replica tells of itself, asked for at each beat. */
  readonly details: () => ReplicaDetails;
}

/** An entry outlives so many beats that did not come. */
const beatsKept = 3;
const deadlineMs = 1000;
/** More than any cluster has; beyond it the replicas heard of first are forgotten. */
const replicasMax = 1000;

interface Heard {
  readonly entry: ReplicaEntry;
  /** When its number of beats last changed, by our clock: theirs do not matter. */
  readonly changedAtMs: number;
}

/** Who is there: each replica writes an entry at each beat and reads those of all. */
export class ReplicaRegistry {
  readonly mapName: string;
  readonly #options: RegistryOptions;
  readonly #parts: RegistryParts;
  readonly #heard = new BoundedMap<string, Heard>(replicasMax);
  readonly #startedAtMs: number;
  #beats = 0;
  /** Since when every reading succeeded; undefined before the first one and after one that failed. */
  #observingSinceMs: number | undefined;
  #timer: Timer | undefined;

  constructor(options: RegistryOptions, parts: RegistryParts) {
    this.mapName = `${options.prefix}.replicas`;
    this.#options = options;
    this.#parts = parts;
    this.#startedAtMs = parts.clock.nowMs();
  }

  start(): void {
    const { clock } = this.#parts;
    this.#timer = repeat(clock, this.#options.beatIntervalMs, () => void this.beat());
  }

  /** Says that this replica leaves; bounded in time. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#parts.caller.call({
      operation: 'replicas',
      key: this.#options.replicaId,
      deadlineMs,
      run: async (session) => (await session.map(this.mapName)).remove(this.#options.replicaId),
    });
  }

  /** Tells and reads; also to be called whenever the grid was connected. Never rejects. */
  async beat(): Promise<void> {
    await this.#tell();
    const read = await this.#parts.caller.call({
      operation: 'replicas',
      deadlineMs,
      run: async (session) => (await session.map(this.mapName)).entries(),
    });
    if (read.outcome !== 'ok') {
      this.#observingSinceMs = undefined;
      return;
    }
    this.#observingSinceMs ??= this.#parts.clock.nowMs();
    for (const [key, value] of read.value) this.#hear(key, value);
  }

  /** The replicas that are there, this one first. */
  alive(): readonly ReplicaEntry[] {
    const others = Array.from(this.#heard.entries(), ([, heard]) => heard)
      .filter(({ changedAtMs }) => !this.#isSilentSince(changedAtMs))
      .map(({ entry }) => entry);
    return [this.#own(), ...others];
  }

  /**
   * Whether a replica has gone: for more than three beats of watching without a gap it was not
   * heard. While the grid is out of reach nobody is gone, however long that lasts.
   */
  isGone(replicaId: string): boolean {
    if (replicaId === this.#options.replicaId || this.#observingSinceMs === undefined) return false;
    const heardAtMs = this.#heard.get(replicaId)?.changedAtMs ?? this.#observingSinceMs;
    return this.#isSilentSince(Math.max(heardAtMs, this.#observingSinceMs));
  }

  /** One beat more than are kept: a beat may be late. */
  #isSilentSince(ms: number): boolean {
    const silentMs = this.#parts.clock.nowMs() - ms;
    return silentMs > (beatsKept + 1) * this.#options.beatIntervalMs;
  }

  #own(): ReplicaEntry {
    const { gridClock, clock, details } = this.#parts;
    const { replicaId, version } = this.#options;
    const gridNowMs = gridClock.nowMs();
    const runningMs = clock.nowMs() - this.#startedAtMs;
    const startedGridMs = gridNowMs === undefined ? undefined : Math.round(gridNowMs - runningMs);
    return { ...details(), id: replicaId, version, startedGridMs, beats: this.#beats };
  }

  async #tell(): Promise<void> {
    const { replicaId, beatIntervalMs } = this.#options;
    this.#beats++;
    const place = `${this.mapName}/${replicaId}`;
    const value = sealJson(this.#parts.seal, place, this.#own());
    await this.#parts.caller.call({
      operation: 'replicas',
      key: replicaId,
      deadlineMs,
      run: async (session) => {
        // The grid cuts TTLs to whole seconds, hence one more.
        await (
          await session.map(this.mapName)
        ).set(replicaId, value, beatsKept * beatIntervalMs + 1000);
      },
    });
  }

  #hear(key: string, sealed: Buffer): void {
    if (key === this.#options.replicaId) return;
    const opened = openJson(this.#parts.seal, `${this.mapName}/${key}`, sealed);
    const entry = typeof opened === 'string' ? opened : asReplicaEntry(key, opened.value);
    if (typeof entry === 'string') {
      this.#parts.figures.dropped[entry]++;
      return;
    }
    const known = this.#heard.get(key);
    const hasBeaten = known === undefined || known.entry.beats !== entry.beats;
    const changedAtMs = hasBeaten ? this.#parts.clock.nowMs() : known.changedAtMs;
    this.#heard.set(key, { entry, changedAtMs });
  }
}

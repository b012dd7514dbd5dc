import { BoundedMap } from '../base/bounded-map.ts';
import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { HealthBoard, ServerView } from '../upstream/health-board.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridFigures } from './grid-figures.ts';
import type { GridSession } from './grid.ts';
import { foldEstimateMs, foldState, newestFailureMs, readViews, votesOf } from './health-view.ts';
import type { ReplicaHealth } from './health-view.ts';
import { openJson, sealJson } from './sealed-json.ts';
import type { Seal } from './seal.ts';
import type { SwitchBoard } from './switches.ts';

export interface HealthBoardOptions {
  readonly prefix: string;
  readonly replicaId: string;
  /** How often each replica tells its view when nothing changes. */
  readonly intervalMs: number;
}

export interface HealthBoardParts {
  readonly clock: Clock;
  readonly caller: GridCaller;
  readonly seal: Seal;
  readonly switches: SwitchBoard;
  readonly figures: GridFigures;
}

/** A view counts for so many intervals after it was heard. */
const freshIntervals = 3;
const deadlineMs = 500;
/** How long one replica probes for all: longer than a probe takes; the grid cuts it to seconds. */
const probeClaimMs = 3000;
/** Replicas and upstreams that are kept in mind. */
const replicasMax = 1000;
const serversMax = 1000;

/**
 * Upstream health of the cluster: every replica's view in an IMap, told at once on a change and at
 * an interval, heard by an entry listener, folded here by quorum.
 */
export class GridHealthBoard implements HealthBoard {
  readonly mapName: string;
  readonly #options: HealthBoardOptions;
  readonly #parts: HealthBoardParts;
  readonly #own = new BoundedMap<string, () => ServerView>(serversMax);
  readonly #others = new BoundedMap<string, ReplicaHealth>(replicasMax);
  #isScheduled = false;
  #timer: Timer | undefined;
  #doubt: (server: string, sinceFailureMs: number) => void = () => undefined;

  constructor(options: HealthBoardOptions, parts: HealthBoardParts) {
    this.mapName = `${options.prefix}.health`;
    this.#options = options;
    this.#parts = parts;
  }

  publish(server: string, view: () => ServerView): void {
    this.#own.set(server, view);
    if (this.#isScheduled || this.#isOff) return;
    this.#isScheduled = true;
    this.#parts.clock.setTimer(0, () => {
      this.#isScheduled = false;
      void this.#tell();
    });
  }

  withdraw(server: string): void {
    this.#own.delete(server);
  }

  onDoubt(listener: (server: string, sinceFailureMs: number) => void): void {
    this.#doubt = listener;
  }

  agreed(server: string): 'up' | 'down' | 'unknown' {
    return this.#isOn ? this.fold(server) : 'unknown';
  }

  sinceFailureMs(server: string): number {
    const [, ...others] = this.views();
    return newestFailureMs(others, server, this.#parts.clock.nowMs());
  }

  estimateMs(server: string): number | undefined {
    if (!this.#isOn) return undefined;
    return foldEstimateMs(this.views(), server);
  }

  /**
   * One replica probes for all, by a lease; but once any replica finds the upstream up, the others
   * need not wait for their turn to see for themselves.
   */
  async claimProbe(server: string): Promise<boolean> {
    if (!this.#isOn) return true;
    const { replicaId, prefix } = this.#options;
    const { up } = votesOf(this.views(), server, this.#parts.clock.nowMs());
    if (up.some((replica) => replica !== replicaId)) return true;
    const place = `probe ${server}`;
    const own = Buffer.from(replicaId);
    const claimed = await this.#parts.caller.call({
      operation: 'probe_claim',
      key: place,
      deadlineMs,
      run: async (session) => {
        const map = await session.map(`${prefix}.leases`);
        return map.putIfAbsent(place, own, probeClaimMs);
      },
    });
    if (claimed.outcome !== 'ok') return true;
    return claimed.value === undefined || claimed.value.equals(own);
  }

  /**
   * Whether silence is the fault of this replica's own network: it finds none of these upstreams
   * up, and others have had answers from one of them since. Also where there are none: then none
   * was asked.
   */
  isOwnFault(silent: readonly string[]): boolean {
    if (silent.length === 0) return true;
    if (!this.#isOn || silent.some((server) => this.#own.get(server)?.().state === 'up')) {
      return false;
    }
    const views = this.views();
    const nowMs = this.#parts.clock.nowMs();
    return silent.some((server) => votesOf(views, server, nowMs).up.length > 0);
  }

  /** What {@link agreed} says, or would say if the switch were on. */
  fold(server: string): 'up' | 'down' | 'unknown' {
    return foldState(this.views(), server, this.#parts.clock.nowMs());
  }

  /** The views that count now: our own, and those heard lately. */
  views(): ReplicaHealth[] {
    const nowMs = this.#parts.clock.nowMs();
    const { replicaId, intervalMs } = this.#options;
    const own = { replica: replicaId, servers: this.#ownViews(), heardAtMs: nowMs };
    const fresh = Array.from(this.#others.entries(), ([, health]) => health).filter(
      ({ heardAtMs }) => nowMs - heardAtMs <= intervalMs * freshIntervals,
    );
    return [own, ...fresh];
  }

  start(): void {
    this.#timer = repeat(this.#parts.clock, this.#options.intervalMs, () => void this.#tell());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Hears the others from now on; called for each session. */
  async listen(session: GridSession): Promise<void> {
    const map = await session.map(this.mapName);
    await map.listen(true, {
      written: (key, value) => {
        if (value !== undefined) this.#hear(key, value);
      },
      removed: (key) => {
        this.#others.delete(key);
      },
    });
    await this.#tell();
  }

  #ownViews(): Map<string, ServerView> {
    return new Map(Array.from(this.#own.entries(), ([server, view]) => [server, view()] as const));
  }

  get #isOn(): boolean {
    return this.#parts.switches.current.sharedHealth === 'on';
  }

  get #isOff(): boolean {
    return this.#parts.switches.current.sharedHealth === 'off';
  }

  async #tell(): Promise<void> {
    if (this.#isOff) return;
    const { replicaId, intervalMs } = this.#options;
    const views = Object.fromEntries(this.#ownViews());
    const value = sealJson(this.#parts.seal, `${this.mapName}/${replicaId}`, views);
    await this.#parts.caller.call({
      operation: 'health',
      key: replicaId,
      deadlineMs,
      run: async (session) => {
        const map = await session.map(this.mapName);
        await map.set(replicaId, value, intervalMs * freshIntervals + 1000);
      },
    });
  }

  #hear(replica: string, sealed: Buffer): void {
    if (replica === this.#options.replicaId) return;
    const opened = openJson(this.#parts.seal, `${this.mapName}/${replica}`, sealed);
    if (typeof opened === 'string') {
      this.#parts.figures.dropped[opened]++;
      return;
    }
    const heardAtMs = this.#parts.clock.nowMs();
    const servers = readViews(opened.value);
    this.#others.set(replica, { replica, servers, heardAtMs });
    if (!this.#isOn) return;
    for (const [server, { state, sinceFailureMs }] of servers) {
      if (state === 'down' && sinceFailureMs !== undefined) this.#doubt(server, sinceFailureMs);
    }
  }
}

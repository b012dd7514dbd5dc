import { repeat, sleep } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { AgedAnswer } from '../dns/answer.ts';
import type { Lease } from '../flight/lease.ts';
import type { SeriesTotal } from '../telemetry/cluster-counters.ts';
import { Arrivals } from './arrivals.ts';
import { GridBudgets } from './grid-budgets.ts';
import { GridBulletins } from './grid-bulletins.ts';
import { GridLists } from './grid-lists.ts';
import { GridCache } from './grid-cache.ts';
import { GridCaller } from './grid-caller.ts';
import type { GridObserver } from './grid-caller.ts';
import { GridClock } from './grid-clock.ts';
import { GridCounters } from './grid-counters.ts';
import { GridFigures } from './grid-figures.ts';
import { GridHealthBoard } from './grid-health-board.ts';
import { GridLease } from './grid-lease.ts';
import { GridSeed } from './grid-seed.ts';
import type { Grid, GridSession } from './grid.ts';
import { decodeMark } from './lease-mark.ts';
import { LeaseMarks } from './lease-marks.ts';
import { LockLease } from './lock-lease.ts';
import type { ReplicaDetails } from './replica-entry.ts';
import { ReplicaRegistry } from './replica-registry.ts';
import { Seal } from './seal.ts';
import type { SealKey } from './seal.ts';
import { SwitchBoard } from './switches.ts';
import type { Switches } from './switches.ts';
import { warmStart } from './warm-start.ts';
import type { WarmStartOptions } from './warm-start.ts';

/** Everything that can be set about the grid, but for how it is connected to. */
export interface CoordinationOptions {
  readonly prefix: string;
  readonly replicaId: string;
  readonly entryKeys: readonly SealKey[];
  readonly switches: Switches;
  readonly staleSecondsMax: number;
  readonly failureTtlSeconds: number;
  readonly sharedCache: {
    readonly popularityMin: number;
    readonly lookDeadlineMs: number;
    readonly shareDeadlineMs: number;
    readonly writesMax: number;
  };
  readonly deduplication: {
    readonly strategy: 'auto' | 'lease' | 'fenced-lock';
    readonly deadlineMs: number;
    readonly leaseTtlMs: number;
    readonly waitMaxMs: number;
    readonly shards: number;
  };
  readonly sharedHealth: { readonly intervalMs: number };
  readonly clusterMetrics: { readonly intervalMs: number };
}

/** What the rest of the replica tells the others, asked for when it is told. */
export interface ReplicaTidings {
  readonly details: () => ReplicaDetails;
  /** All totals of this replica. */
  readonly series: () => readonly SeriesTotal[];
}

export interface CoordinationDependencies {
  readonly clock: Clock;
  readonly version: string;
  readonly grid: Grid;
  readonly observer: GridObserver;
  /** Told of what an operator should know: in sentences. */
  readonly report: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/** Something to be done with every new session, again until it succeeds. */
type SessionTask = (session: GridSession) => Promise<void>;

/** How often a replica says that it is there. */
const beatIntervalMs = 5000;
/** Between two attempts to begin listening. */
const listenRetryMs = 1000;

/** Puts together all that the replicas do with the grid. */
export class GridCoordination {
  readonly figures = new GridFigures();
  readonly switches: SwitchBoard;
  readonly caller: GridCaller;
  readonly gridClock: GridClock;
  readonly sharedCache: GridCache;
  readonly lease: Lease;
  readonly healthBoard: GridHealthBoard;
  readonly bulletins: GridBulletins;
  readonly sharedCopies: GridLists;
  readonly registry: ReplicaRegistry;
  readonly clusterCounters: GridCounters;
  readonly seal: Seal;
  readonly seed: GridSeed;
  readonly budgets: GridBudgets;
  readonly #arrivals = new Arrivals();
  readonly #options: CoordinationOptions;
  readonly #dependencies: CoordinationDependencies;
  /** Listeners survive reconnects, so each is set up once; only what failed is tried again. */
  readonly #tasks: Set<SessionTask>;
  #firstContact = Promise.withResolvers<void>();
  #tidings: ReplicaTidings | undefined;
  #publishing: Timer | undefined;
  #connectionChanged: (isConnected: boolean) => void = () => undefined;

  constructor(options: CoordinationOptions, dependencies: CoordinationDependencies) {
    const { clock, observer } = dependencies;
    const { prefix, replicaId } = options;
    this.#options = options;
    this.#dependencies = dependencies;
    this.switches = new SwitchBoard(options.switches);
    this.seal = new Seal(options.entryKeys);
    this.caller = new GridCaller(clock, observer, async (session, key) => {
      await (await session.map(`${prefix}.cache`)).get(key);
    });
    this.gridClock = new GridClock(clock, this.caller, prefix, replicaId);
    const parts = {
      clock,
      caller: this.caller,
      gridClock: this.gridClock,
      seal: this.seal,
      switches: this.switches,
      figures: this.figures,
      arrivals: this.#arrivals,
    };
    const { staleSecondsMax } = options;
    this.sharedCache = new GridCache({ prefix, staleSecondsMax, ...options.sharedCache }, parts);
    this.healthBoard = new GridHealthBoard({ prefix, replicaId, ...options.sharedHealth }, parts);
    this.lease = this.#leaseOf({
      ...parts,
      cache: this.sharedCache,
      marks: this.#leaseMarks(),
      isOwnFault: ({ silent }) => silent !== undefined && this.healthBoard.isOwnFault(silent),
    });
    this.bulletins = new GridBulletins({ prefix, replicaId }, parts);
    const contact = (timeoutMs: number): Promise<void> =>
      Promise.race([this.#firstContact.promise, sleep(clock, timeoutMs)]);
    this.sharedCopies = new GridLists({ prefix, replicaId }, { ...parts, contact });
    this.seed = new GridSeed({ prefix, ...parts });
    this.budgets = new GridBudgets({ prefix, replicaId, ...parts });
    const { version } = dependencies;
    this.registry = new ReplicaRegistry(
      { prefix, replicaId, version, beatIntervalMs },
      { ...parts, details: () => this.#tidings?.details() ?? this.#nothingToTell() },
    );
    this.clusterCounters = new GridCounters(
      { prefix, replicaId },
      { ...parts, registry: this.registry },
    );
    this.#tasks = new Set([
      (session) => this.healthBoard.listen(session),
      (session) => this.bulletins.listen(session),
      (session) => this.#listenForAnswers(session),
      (session) => this.#listenForEndedLeases(session),
    ]);
  }

  /** Resolves when the grid was reached and its clock is known; never where there is none. */
  get firstContact(): Promise<void> {
    return this.#firstContact.promise;
  }

  /** What to tell the others; to be given before the start. */
  tell(tidings: ReplicaTidings): void {
    this.#tidings = tidings;
  }

  /**
   * Fetches what the other replicas are asked for most. Never rejects; where the grid is not there
   * it ends with its time.
   * @returns how many answers were fetched
   */
  async warmStart(
    options: WarmStartOptions,
    restore: (key: Buffer, found: AgedAnswer) => void,
  ): Promise<number> {
    if (this.switches.current.sharedCache !== 'on') return 0;
    const { clock } = this.#dependencies;
    const endMs = clock.nowMs() + options.timeoutMs;
    const contact = this.#firstContact.promise.then(() => this.registry.beat());
    await Promise.race([contact, sleep(clock, options.timeoutMs)]);
    const [, ...others] = this.registry.alive();
    const timeoutMs = endMs - clock.nowMs();
    const wanted = interleaved(others.map(({ hottest }) => hottest));
    const parts = { clock, cache: this.sharedCache };
    const fetched = await warmStart(wanted, { ...options, timeoutMs }, parts, restore);
    this.figures.warmEntries += fetched;
    return fetched;
  }

  /** Calls `task` whenever the grid is connected or lost. */
  onConnection(task: (isConnected: boolean) => void): void {
    this.#connectionChanged = task;
  }

  /** Begins to connect, and goes on trying; returns at once, whether the grid is there or not. */
  start(): void {
    const { grid, report } = this.#dependencies;
    this.healthBoard.start();
    this.registry.start();
    const { intervalMs } = this.#options.clusterMetrics;
    this.#publishing = repeat(this.#dependencies.clock, intervalMs, () => this.#publishTotals());
    const events = {
      connected: (session: GridSession) => void this.#connected(session),
      lost: () => {
        this.caller.use(undefined);
        this.#arrivals.wakeAll();
        this.#connectionChanged(false);
        report('the grid is out of reach: this replica goes on by itself');
      },
    };
    grid.start(events).catch((error: unknown) => {
      report('the grid cannot be used', { error: describeError(error) });
    });
  }

  /** Tells the last totals, says goodbye, and ends; bounded in time. */
  async stop(): Promise<void> {
    this.#publishing?.cancel();
    this.#publishTotals();
    await this.clusterCounters.stop();
    await this.registry.stop();
    this.healthBoard.stop();
    this.gridClock.stop();
    this.seed.stop();
    this.budgets.stop();
    this.caller.stop();
    await this.#dependencies.grid.stop();
  }

  async #connected(session: GridSession): Promise<void> {
    this.caller.use(session);
    this.#connectionChanged(true);
    this.#dependencies.report('the grid is connected', { members: session.members().length });
    await this.gridClock.start();
    this.#firstContact.resolve();
    await this.#runTasks(session);
    await this.bulletins.catchUp(session);
    await this.seed.agree();
    await this.registry.beat();
    this.#publishTotals();
  }

  #publishTotals(): void {
    if (this.#tidings !== undefined) this.clusterCounters.publish(this.#tidings.series());
  }

  #nothingToTell(): ReplicaDetails {
    return { address: '', switches: this.switches.current, answers: {}, hottest: [] };
  }

  async #runTasks(session: GridSession): Promise<void> {
    for (const task of [...this.#tasks]) {
      try {
        await task(session);
        this.#tasks.delete(task);
      } catch {
        // The session broke or the grid is slow: again, for as long as this session is in use.
      }
    }
    if (this.#tasks.size === 0 || this.caller.session !== session) return;
    this.#dependencies.clock.setTimer(listenRetryMs, () => void this.#runTasks(session));
  }

  async #listenForAnswers(session: GridSession): Promise<void> {
    const map = await session.map(this.sharedCache.mapName);
    await map.listen(false, {
      written: (key) => this.#arrivals.changed(key),
      removed: (key) => this.#arrivals.changed(key),
    });
  }

  /** That a lease was taken helps nobody who waits; that its holder failed or gave it up does. */
  async #listenForEndedLeases(session: GridSession): Promise<void> {
    const mapName = `${this.#options.prefix}.leases`;
    const map = await session.map(mapName);
    await map.listen(true, {
      written: (key, value) => {
        if (value === undefined || !this.#arrivals.isAwaited(key)) return;
        const mark = decodeMark(`${mapName}/${key}`, value, this.seal);
        if (typeof mark === 'object' && mark.kind === 'failed') this.#arrivals.changed(key);
      },
      removed: (key) => this.#arrivals.changed(key),
    });
  }

  #leaseOf(parts: ConstructorParameters<typeof GridLease>[1]): Lease {
    const { prefix, deduplication } = this.#options;
    const { strategy } = deduplication;
    return strategy === 'fenced-lock'
      ? new LockLease({ prefix, ...deduplication }, parts)
      : new GridLease(deduplication, parts);
  }

  #leaseMarks(): LeaseMarks {
    const { prefix, replicaId, failureTtlSeconds, deduplication, sharedCache } = this.#options;
    const tellsWaiting = sharedCache.popularityMin > 1;
    return new LeaseMarks(
      { prefix, replicaId, failureTtlSeconds, tellsWaiting, ...deduplication },
      { caller: this.caller, seal: this.seal, figures: this.figures },
    );
  }
}

/** The lists merged rank by rank, each key once: what any replica wants most comes first. */
function interleaved(lists: readonly (readonly string[])[]): string[] {
  const merged = new Set<string>();
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  for (let rank = 0; rank < longest; rank++) {
    for (const list of lists) {
      const key = list[rank];
      if (key !== undefined) merged.add(key);
    }
  }
  return [...merged];
}

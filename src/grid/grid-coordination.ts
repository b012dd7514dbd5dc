import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Lease } from '../flight/lease.ts';
import { Arrivals } from './arrivals.ts';
import { GridBulletins } from './grid-bulletins.ts';
import { GridCache } from './grid-cache.ts';
import { GridCaller } from './grid-caller.ts';
import type { GridObserver } from './grid-caller.ts';
import { GridClock } from './grid-clock.ts';
import { GridFigures } from './grid-figures.ts';
import { GridHealthBoard } from './grid-health-board.ts';
import { GridLease } from './grid-lease.ts';
import type { Grid, GridSession } from './grid.ts';
import { LockLease } from './lock-lease.ts';
import { Seal } from './seal.ts';
import type { SealKey } from './seal.ts';
import { SwitchBoard } from './switches.ts';
import type { Switches } from './switches.ts';

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
}

export interface CoordinationDependencies {
  readonly clock: Clock;
  readonly grid: Grid;
  readonly observer: GridObserver;
  /** Told of what an operator should know: in sentences. */
  readonly report: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/** Something to be done with every new session, again until it succeeds. */
type SessionTask = (session: GridSession) => Promise<void>;

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
  readonly seal: Seal;
  readonly #arrivals = new Arrivals();
  readonly #options: CoordinationOptions;
  readonly #dependencies: CoordinationDependencies;
  /** Listeners survive reconnects, so each is set up once; only what failed is tried again. */
  readonly #tasks: Set<SessionTask>;
  #firstContact = Promise.withResolvers<void>();

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
    this.lease = this.#leaseOf({ ...parts, cache: this.sharedCache });
    this.healthBoard = new GridHealthBoard({ prefix, replicaId, ...options.sharedHealth }, parts);
    this.bulletins = new GridBulletins({ prefix, replicaId }, parts);
    this.#tasks = new Set([
      (session) => this.healthBoard.listen(session),
      (session) => this.bulletins.listen(session),
      (session) => this.#listenForArrivals(session, 'cache'),
      (session) => this.#listenForArrivals(session, 'leases'),
    ]);
  }

  /** Resolves when the grid was reached and its clock is known; never where there is none. */
  get firstContact(): Promise<void> {
    return this.#firstContact.promise;
  }

  /** Begins to connect, and goes on trying; returns at once, whether the grid is there or not. */
  start(): void {
    const { grid, report } = this.#dependencies;
    this.healthBoard.start();
    const events = {
      connected: (session: GridSession) => void this.#connected(session),
      lost: () => {
        this.caller.use(undefined);
        this.#arrivals.wakeAll();
        report('the grid is out of reach: this replica goes on by itself');
      },
    };
    grid.start(events).catch((error: unknown) => {
      report('the grid cannot be used', { error: describeError(error) });
    });
  }

  async stop(): Promise<void> {
    this.healthBoard.stop();
    this.gridClock.stop();
    this.caller.stop();
    await this.#dependencies.grid.stop();
  }

  async #connected(session: GridSession): Promise<void> {
    this.caller.use(session);
    this.#dependencies.report('the grid is connected', { members: session.members().length });
    await this.gridClock.start();
    this.#firstContact.resolve();
    await this.#runTasks(session);
    await this.bulletins.catchUp(session);
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

  async #listenForArrivals(session: GridSession, name: string): Promise<void> {
    const map = await session.map(`${this.#options.prefix}.${name}`);
    await map.listen(false, {
      written: (key) => this.#arrivals.changed(key),
      removed: (key) => this.#arrivals.changed(key),
    });
  }

  #leaseOf(parts: ConstructorParameters<typeof GridLease>[1]): Lease {
    const { prefix, replicaId, failureTtlSeconds, deduplication } = this.#options;
    const { strategy, shards, ...rest } = deduplication;
    return strategy === 'fenced-lock'
      ? new LockLease({ prefix, shards, ...rest }, parts)
      : new GridLease({ prefix, replicaId, failureTtlSeconds, ...rest }, parts);
  }
}

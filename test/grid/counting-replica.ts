import { repeat } from '../../src/base/clock.ts';
import type { Clock, Timer } from '../../src/base/clock.ts';
import { GridCaller } from '../../src/grid/grid-caller.ts';
import { GridClock } from '../../src/grid/grid-clock.ts';
import { GridCounters } from '../../src/grid/grid-counters.ts';
import { GridFigures } from '../../src/grid/grid-figures.ts';
import type { Grid } from '../../src/grid/grid.ts';
import { ReplicaRegistry } from '../../src/grid/replica-registry.ts';
import { Seal } from '../../src/grid/seal.ts';
import { seriesText } from '../../src/grid/tally.ts';
import { SwitchBoard } from '../../src/grid/switches.ts';
import type { SeriesTotal } from '../../src/telemetry/cluster-counters.ts';

export const intervalMs = 5000;

const switches = {
  sharedCache: 'on',
  deduplication: 'on',
  sharedHealth: 'on',
  clusterMetrics: 'on',
} as const;

/** As much of a replica as counts: totals of its own, the registry, the counters. */
export class CountingReplica {
  readonly id: string;
  readonly figures = new GridFigures();
  readonly switches = new SwitchBoard(switches);
  readonly caller: GridCaller;
  readonly registry: ReplicaRegistry;
  readonly counters: GridCounters;
  /** How often the grid was connected and lost. */
  readonly events: string[] = [];
  readonly #grid: Grid;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #local = new Map<string, SeriesTotal>();
  #timer: Timer | undefined;
  isAlive = true;

  constructor(
    id: string,
    grid: Grid,
    clock: Clock,
    { interval = intervalMs, prefix = 'heimdall' } = {},
  ) {
    this.id = id;
    this.#grid = grid;
    this.#clock = clock;
    this.#intervalMs = interval;
    const observer = { operationEnded: () => undefined, breakerChanged: () => undefined };
    this.caller = new GridCaller(clock, observer, async (session, key) =>
      (await session.map(`${prefix}.cache`)).get(key),
    );
    const seal = new Seal([]);
    const gridClock = new GridClock(clock, this.caller, prefix, id);
    const parts = { clock, caller: this.caller, gridClock, seal, figures: this.figures };
    this.registry = new ReplicaRegistry(
      { prefix, replicaId: id, version: '1.2.3', beatIntervalMs: interval },
      {
        ...parts,
        details: () => ({
          address: '192.0.2.1:53',
          switches: this.switches.current,
          answers: { l1: 7 },
          hottest: ['a.example./A/IN'],
        }),
      },
    );
    this.counters = new GridCounters(
      { prefix, replicaId: id },
      { ...parts, switches: this.switches, registry: this.registry },
    );
  }

  async start(): Promise<void> {
    await this.#grid.start({
      connected: (session) => {
        this.events.push('connected');
        this.caller.use(session);
        void this.registry.beat();
        this.publish();
      },
      lost: () => {
        this.events.push('lost');
        this.caller.use(undefined);
      },
    });
    this.registry.start();
    this.#timer = repeat(this.#clock, this.#intervalMs, () => this.publish());
  }

  /** As `kill -9` ends it. */
  async die(): Promise<void> {
    this.isAlive = false;
    this.#timer?.cancel();
    this.caller.use(undefined);
    await Promise.all([this.registry.stop(), this.#grid.stop()]);
  }

  count(name: string, labels: Readonly<Record<string, string>>, more = 1): void {
    const key = name + JSON.stringify(labels);
    const value = (this.#local.get(key)?.value ?? 0) + more;
    this.#local.set(key, { name, labels, value });
  }

  publish(): void {
    this.counters.publish(this.local());
  }

  local(): SeriesTotal[] {
    return [...this.#local.values()];
  }
}

/** Totals by series, so that two lists can be compared. */
export function bySeries(totals: readonly SeriesTotal[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name, labels, value } of totals) {
    const key = seriesText({ name, labels });
    sums[key] = Math.round(((sums[key] ?? 0) + value) * 1e6) / 1e6;
  }
  return sums;
}

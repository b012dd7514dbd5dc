import { SeededRandom } from '../../src/base/random.ts';
import type { Answer } from '../../src/dns/answer.ts';
import { recordType } from '../../src/dns/codes.ts';
import { parseName } from '../../src/dns/name.ts';
import { encodeKey } from '../../src/dns/question.ts';
import type { LeaseResult, LeaseWon } from '../../src/flight/lease.ts';
import { GridCoordination } from '../../src/grid/grid-coordination.ts';
import type { CoordinationOptions } from '../../src/grid/grid-coordination.ts';
import { freshOutcome } from '../../src/query/outcome.ts';
import type { Outcome } from '../../src/query/outcome.ts';
import { MemoryGrid } from '../support/memory-grid.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export const upstream = '192.0.2.53:53';
const waitMaxMs = 1300;

export interface LeasingOptions {
  readonly strategy?: 'lease' | 'fenced-lock';
  readonly popularityMin?: number;
}

/** Replicas on a grid in memory, as far as leases go. */
export class Leasing {
  readonly clock = new VirtualClock();
  readonly grid: MemoryGrid;
  /** Every call to the grid: `replica operation outcome`. */
  readonly calls: string[] = [];
  readonly #options: LeasingOptions;
  readonly #replicas: LeasingReplica[] = [];

  constructor(options: LeasingOptions = {}, seed = 1) {
    this.#options = options;
    const random = new SeededRandom(seed);
    this.grid = new MemoryGrid({ clock: this.clock, random, locks: true });
  }

  async join(id: string, deduplication: 'on' | 'observe' = 'on'): Promise<LeasingReplica> {
    const coordination = new GridCoordination(this.#optionsOf(id, deduplication), {
      clock: this.clock,
      version: 'test',
      grid: this.grid.gridOf(id),
      observer: {
        operationEnded: (operation, outcome) => this.calls.push(`${id} ${operation} ${outcome}`),
        breakerChanged: () => undefined,
      },
      report: () => undefined,
    });
    coordination.start();
    const replica = new LeasingReplica(coordination, this.clock);
    this.#replicas.push(replica);
    await this.clock.advance(3000); // its clock is known and its listeners listen
    return replica;
  }

  async stop(): Promise<void> {
    const stopped = Promise.all(this.#replicas.map(({ coordination }) => coordination.stop()));
    await this.clock.advance(10_000);
    await stopped;
  }

  /** What lies in the map of leases now, by key. */
  get marks(): string[] {
    return [...this.grid.peek('heimdall.leases').keys()];
  }

  #optionsOf(replicaId: string, deduplication: 'on' | 'observe'): CoordinationOptions {
    const { strategy = 'lease', popularityMin = 1 } = this.#options;
    return {
      prefix: 'heimdall',
      replicaId,
      entryKeys: [],
      switches: { sharedCache: 'on', deduplication, sharedHealth: 'on', clusterMetrics: 'off' },
      staleSecondsMax: 0,
      failureTtlSeconds: 5,
      sharedCache: { popularityMin, lookDeadlineMs: 15, shareDeadlineMs: 1000, writesMax: 100 },
      deduplication: { strategy, deadlineMs: 15, leaseTtlMs: 5000, waitMaxMs, shards: 8 },
      sharedHealth: { intervalMs: 2000 },
      clusterMetrics: { intervalMs: 5000 },
    };
  }
}

/** What became of asking for a lease, and when. */
export interface Leased {
  kind: string;
  /** Milliseconds after it was asked for. */
  afterMs: number;
  won: LeaseWon | undefined;
}

export class LeasingReplica {
  readonly coordination: GridCoordination;
  readonly #clock: VirtualClock;

  constructor(coordination: GridCoordination, clock: VirtualClock) {
    this.coordination = coordination;
    this.#clock = clock;
  }

  /** Asks for the lease on a name; what comes of it appears in what is returned. */
  ask(name: string): Leased {
    const startedMs = this.#clock.nowMs();
    const leased: Leased = { kind: 'waiting', afterMs: Number.NaN, won: undefined };
    void this.#ask(keyOf(name)).then((end) => {
      Object.assign(leased, { kind: end.kind, afterMs: this.#clock.nowMs() - startedMs });
      if (end.kind === 'won') leased.won = end;
    });
    return leased;
  }

  async #ask(key: Buffer) {
    const result: LeaseResult = await this.coordination.lease.acquire(key);
    return result.kind === 'held' ? result.resolution : result;
  }

  /** Upstream answered: what the stages do then. */
  answer(name: string, { won }: Leased, ttlSeconds = 300): void {
    const answer: Answer = { ...answerTo(name), ttlSeconds };
    won?.settle(freshOutcome({ answer, ageSeconds: 0 }, 'upstream'));
    this.coordination.sharedCache.share(keyOf(name), answer, 0);
  }

  fail({ won }: Leased, silent?: readonly string[]): void {
    const outcome: Outcome = { kind: 'failure', code: 2, layer: 'failure', extendedErrors: [] };
    won?.settle(silent === undefined ? outcome : { ...outcome, silent });
  }
}

function keyOf(name: string): Buffer {
  const flags = { dnssecOk: false, checkingDisabled: false };
  return encodeKey({ name: parseName(name), type: recordType.A }, flags);
}

function answerTo(name: string): Answer {
  const wire = Buffer.concat([
    Buffer.from('000080000001000100000000', 'hex'),
    parseName(name),
    Buffer.from('00010001c00c000100010000012c0004c0000201', 'hex'),
  ]);
  return { kind: 'positive', wire, ttlSeconds: 300, authenticData: false, extendedErrors: [] };
}

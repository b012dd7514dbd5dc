import { sleep } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { GridUnavailable } from '../base/errors.ts';
import type { ClusterCounters, SeriesTotal } from '../telemetry/cluster-counters.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridFigures } from './grid-figures.ts';
import { inParallel } from './in-parallel.ts';
import {
  counterCallsMax,
  counterName,
  OwnCounters,
  readCounter,
  replicaOf,
} from './own-counters.ts';
import type { ReplicaRegistry } from './replica-registry.ts';
import { RetiredStore } from './retired-store.ts';
import { isRetired, sumOfRetired, withoutWriter, withWriter } from './retired-totals.ts';
import type { Seal } from './seal.ts';
import type { SwitchBoard } from './switches.ts';
import { addTally, totalsOf } from './tally.ts';
import type { Tally } from './tally.ts';
import { WriterList } from './writer-list.ts';

export interface GridCountersOptions {
  readonly prefix: string;
  readonly replicaId: string;
}

export interface GridCountersParts {
  readonly clock: Clock;
  readonly caller: GridCaller;
  readonly seal: Seal;
  readonly switches: SwitchBoard;
  readonly figures: GridFigures;
  readonly registry: Pick<ReplicaRegistry, 'alive' | 'isGone'>;
}

/** Somebody waits for the page; a scraper gives up after ten seconds. */
const totalsDeadlineMs = 3000;
const readDeadlineMs = 2000;
/** The process ends: what is not written by then, is not. */
const stopTimeoutMs = 1000;
/** Gone writers dealt with in one round. */
const retirementsMax = 4;

/**
 * The totals of the cluster. Each replica writes PN counters of its own (`OwnCounters`) and says
 * which (`WriterList`); the totals of those that have gone are one entry (`RetiredStore`). The sum
 * over the cluster is that entry and the counters of all writers that are not in it. A round, at
 * each interval:
 *
 *     1. read the retired totals, or put them back
 *     2. say which counters there are, with their totals
 *     3. correct the counters
 *     4. taken for gone meanwhile: take our totals out of the retired ones, now that 2 and 3 hold
 *     5. retire writers that have gone: the one alive whose name is the first does it
 *
 * It may end after any step and begins with the first one again: totals move by compare-and-set
 * alone, and a writer counts by its counters or among the retired, never both.
 */
export class GridCounters implements ClusterCounters {
  readonly #options: GridCountersOptions;
  readonly #parts: GridCountersParts;
  readonly #own: OwnCounters;
  readonly #list: WriterList;
  readonly #retired: RetiredStore;
  #running: Promise<void> | undefined;
  #isDue = false;
  /** What the list holds of us. */
  #listed: Tally = new Map();

  constructor(options: GridCountersOptions, parts: GridCountersParts) {
    const { prefix, replicaId } = options;
    this.#options = options;
    this.#parts = parts;
    this.#own = new OwnCounters(prefix, replicaId);
    this.#list = new WriterList(prefix, parts);
    this.#retired = new RetiredStore(prefix, parts);
  }

  /** To be called at an interval, and when the grid was connected; begins a round. */
  publish(series: readonly SeriesTotal[]): void {
    if (this.#parts.switches.current.clusterMetrics === 'off') return;
    this.#own.note(series);
    this.#isDue = true;
    this.#running ??= this.#runRounds();
  }

  /** @throws {GridUnavailable} when the grid does not tell within three seconds */
  async totals(): Promise<readonly SeriesTotal[] | undefined> {
    if (this.#parts.switches.current.clusterMetrics !== 'on') return undefined;
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = this.#parts.clock.setTimer(totalsDeadlineMs, () => {
      reject(new GridUnavailable('the grid does not tell the totals in time'));
    });
    try {
      return totalsOf(await Promise.race([this.#sum(), promise]));
    } finally {
      timer.cancel();
    }
  }

  /** Ends with the round that is under way, or after a second. */
  async stop(): Promise<void> {
    if (this.#running === undefined) return;
    await Promise.race([this.#running, sleep(this.#parts.clock, stopTimeoutMs)]);
  }

  /** Never rejects: every call of a round has an outcome. */
  async #runRounds(): Promise<void> {
    while (this.#isDue) {
      this.#isDue = false;
      await this.#round();
    }
    this.#running = undefined;
  }

  async #round(): Promise<void> {
    if (!(await this.#retired.synchronize())) return;
    if (this.#isMergedIntoRetired()) this.#own.beginAnew(this.#listed);
    const { writer } = this.#own;
    const tally = this.#own.tally();
    if (!(await this.#list.put(writer, tally))) return;
    this.#listed = tally;
    if (!(await this.#own.correct(tally, this.#parts.caller))) return;
    const { current } = this.#retired;
    if (current.writers.has(writer)) await this.#retired.replace(withoutWriter(current, writer));
    await this.#retireOthers();
  }

  /** We were away for so long that our totals are part of a sum: they cannot be taken out again. */
  #isMergedIntoRetired(): boolean {
    const { writer } = this.#own;
    const { current } = this.#retired;
    return isRetired(current, writer) && !current.writers.has(writer);
  }

  async #retireOthers(): Promise<void> {
    const { registry } = this.#parts;
    const { replicaId } = this.#options;
    if (registry.alive().some(({ id }) => id < replicaId)) return;
    const writers = (await this.#list.writers()) ?? [];
    const gone = writers.filter((writer) => registry.isGone(replicaOf(writer)));
    for (const writer of gone.slice(0, retirementsMax)) await this.#retire(writer);
  }

  /** Retired first, then removed: should we end in between, another replica goes on here. */
  async #retire(writer: string): Promise<void> {
    const tally = await this.#list.tallyOf(writer);
    if (tally === undefined) return;
    if (tally !== 'foreign') {
      const { current } = this.#retired;
      const isIn = isRetired(current, writer);
      if (!isIn && !(await this.#retired.replace(withWriter(current, writer, tally)))) return;
      if (!(await this.#destroyCounters(writer, tally))) return;
    }
    await this.#list.remove(writer);
  }

  #destroyCounters(writer: string, tally: Tally): Promise<boolean> {
    return inParallel(tally.keys(), counterCallsMax, async (series) => {
      const { outcome } = await this.#parts.caller.call({
        operation: 'counters',
        deadlineMs: readDeadlineMs,
        run: async (session) => (await session.counter(this.#nameOf(writer, series))).destroy(),
      });
      return outcome === 'ok' ? 'next' : 'stop';
    });
  }

  /**
   * Counters first, then who is retired: a writer that is retired in between is then counted there
   * alone. The other way round it could be missed.
   */
  async #sum(): Promise<Tally> {
    const writers = await this.#list.all();
    if (writers === undefined) throw new GridUnavailable('the grid does not tell who counts');
    const held = await this.#readCounters(writers);
    if (!(await this.#retired.synchronize())) {
      throw new GridUnavailable('the grid does not tell the totals of replicas that have gone');
    }
    const sum = sumOfRetired(this.#retired.current);
    for (const [writer, tally] of held) {
      if (!isRetired(this.#retired.current, writer)) addTally(sum, tally);
    }
    return sum;
  }

  async #readCounters(
    writers: ReadonlyMap<string, Tally>,
  ): Promise<ReadonlyMap<string, Map<string, number>>> {
    const held = new Map(
      Array.from(writers.keys(), (writer) => [writer, new Map<string, number>()] as const),
    );
    const wanted = Array.from(writers).flatMap(([writer, tally]) =>
      Array.from(tally.keys(), (series) => ({ writer, series })),
    );
    const isComplete = await inParallel(wanted, counterCallsMax, async ({ writer, series }) => {
      const read = await this.#parts.caller.call({
        operation: 'counters',
        deadlineMs: readDeadlineMs,
        run: async (session) => readCounter(await session.counter(this.#nameOf(writer, series))),
      });
      if (read.outcome !== 'ok') return 'stop';
      held.get(writer)?.set(series, read.value);
      return 'next';
    });
    if (!isComplete) throw new GridUnavailable('the grid does not tell all totals');
    return held;
  }

  #nameOf(writer: string, series: string): string {
    return counterName(this.#options.prefix, writer, series);
  }
}

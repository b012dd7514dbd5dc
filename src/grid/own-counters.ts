import { GridStateLost } from '../base/errors.ts';
import type { SeriesTotal } from '../telemetry/cluster-counters.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridCounter, GridSession } from './grid.ts';
import { inParallel } from './in-parallel.ts';
import { scaledTotal, seriesMax, seriesText } from './tally.ts';
import type { Tally } from './tally.ts';

/** A replica's writer and, behind a mark that stands in no replica's name, how often it began anew. */
const anewMark = '~';

/** The replica that a writer belongs to. */
export function replicaOf(writer: string): string {
  return writer.split(anewMark)[0] ?? writer;
}

/** Corrections under way: enough that 300 series take some milliseconds. */
export const counterCallsMax = 32;
const deadlineMs = 2000;
/** A grid that fails so many of them is left alone until the next interval. */
const failuresMax = 16;

interface OwnSeries {
  readonly lastTotal: number;
  /** What it had counted before it began from 0 again. */
  readonly carried: number;
}

/**
 * The counters of which this replica is the only writer. It never adds what it has counted since
 * the last time: it reads what the counter holds and corrects that, up or down, to what it knows
 * itself. So what the grid lost or did twice is put right at the next interval.
 */
export class OwnCounters {
  readonly #prefix: string;
  readonly #replicaId: string;
  readonly #own = new Map<string, OwnSeries>();
  #timesAnew = 0;
  /** What an earlier writer of this replica stands for already. */
  #before: Tally = new Map();
  #round = 0;

  constructor(prefix: string, replicaId: string) {
    this.#prefix = prefix;
    this.#replicaId = replicaId;
  }

  get writer(): string {
    return this.#timesAnew === 0
      ? this.#replicaId
      : `${this.#replicaId}${anewMark}${String(this.#timesAnew)}`;
  }

  /** Takes over totals; one that fell began anew (its upstream was removed and came back). */
  note(series: readonly SeriesTotal[]): void {
    for (const one of series) {
      const text = seriesText(one);
      const total = scaledTotal(one);
      const known = this.#own.get(text) ?? { lastTotal: 0, carried: 0 };
      if (total === 0 && known.lastTotal + known.carried === 0) continue;
      if (!this.#own.has(text) && this.#own.size >= seriesMax) continue;
      const carried = known.carried + (total < known.lastTotal ? known.lastTotal : 0);
      this.#own.set(text, { lastTotal: total, carried });
    }
  }

  /** What this writer's counters should hold. */
  tally(): Tally {
    return new Map(
      Array.from(this.#own, ([text, { lastTotal, carried }]) => [
        text,
        Math.max(0, lastTotal + carried - (this.#before.get(text) ?? 0)),
      ]),
    );
  }

  /** Goes on under another name: the former one stands for `before` for ever. */
  beginAnew(before: Tally): void {
    const sum = new Map(this.#before);
    for (const [text, total] of before) sum.set(text, (sum.get(text) ?? 0) + total);
    this.#before = sum;
    this.#timesAnew++;
  }

  /** Corrects all counters. @returns whether all of them hold what they should */
  async correct(tally: Tally, caller: GridCaller): Promise<boolean> {
    const round = ++this.#round;
    let failures = 0;
    await inParallel(tally, counterCallsMax, async ([text, total]) => {
      const name = counterName(this.#prefix, this.writer, text);
      const { outcome } = await caller.call({
        operation: 'counters',
        deadlineMs,
        run: (session) => this.#correctOne(session, { name, total, round }),
      });
      if (outcome !== 'ok') failures++;
      return failures >= failuresMax || !caller.isConnected ? 'stop' : 'next';
    });
    return failures === 0 && caller.isConnected;
  }

  /** A call that was given up on must not add to what a later round has corrected. */
  async #correctOne(
    session: GridSession,
    { name, total, round }: { name: string; total: number; round: number },
  ): Promise<void> {
    const counter = await session.counter(name);
    const held = await readCounter(counter);
    if (held !== total && round === this.#round) await counter.add(total - held);
  }
}

/** The name of a counter in the grid. */
export function counterName(prefix: string, writer: string, series: string): string {
  return `${prefix}.metric.${writer}.${series}`;
}

/** What it holds now, whatever it held before members were lost. */
export async function readCounter(counter: GridCounter): Promise<number> {
  try {
    return await counter.get();
  } catch (error) {
    if (!(error instanceof GridStateLost)) throw error;
    await counter.reset();
    return counter.get();
  }
}

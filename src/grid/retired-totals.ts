import { addTally, asSeriesList, asTally, columnOf } from './tally.ts';
import type { Tally } from './tally.ts';
import { asRecord } from './sealed-json.ts';

/**
 * The totals of writers that have gone. The last ones are kept one by one, so that a replica that
 * was only cut off can take its own out again; older ones are one sum.
 */
export interface Retired {
  /** Grows by one with each change: of two, the greater is the newer. */
  readonly revision: number;
  readonly writers: ReadonlyMap<string, Tally>;
  /** The sum of those before. */
  readonly base: Tally;
  /** Who is in that sum; the oldest are forgotten. */
  readonly merged: readonly string[];
}

/** Numbers kept one by one: the entry stays below a quarter of a megabyte. */
const cellsMax = 16_000;
const writersMax = 16;
/** For a replica to find out that it was counted among them; after a few hundred nobody comes back. */
const mergedMax = 256;

export const nobodyRetired: Retired = {
  revision: 0,
  writers: new Map(),
  base: new Map(),
  merged: [],
};

/** Whether the totals of this writer are in it: then its counters no longer count. */
export function isRetired(retired: Retired, writer: string): boolean {
  return retired.writers.has(writer) || retired.merged.includes(writer);
}

/** With one writer more. */
export function withWriter(retired: Retired, writer: string, totals: Tally): Retired {
  const writers = new Map(retired.writers).set(writer, totals);
  const base = new Map(retired.base);
  const merged = [...retired.merged];
  for (const [oldest, tally] of writers) {
    if (writers.size <= writersMax && cellsOf(writers) <= cellsMax) break;
    if (oldest === writer) break;
    writers.delete(oldest);
    addTally(base, tally);
    merged.push(oldest);
  }
  return { revision: retired.revision + 1, writers, base, merged: merged.slice(-mergedMax) };
}

/** Without a writer that is back. */
export function withoutWriter(retired: Retired, writer: string): Retired {
  const writers = new Map(retired.writers);
  writers.delete(writer);
  return { ...retired, revision: retired.revision + 1, writers };
}

/** The sum over all who are in it. */
export function sumOfRetired({ writers, base }: Retired): Map<string, number> {
  const sum = new Map(base);
  for (const tally of writers.values()) addTally(sum, tally);
  return sum;
}

/** As JSON has it. */
export function retiredAsJson({ revision, writers, base, merged }: Retired): unknown {
  const series = [...new Set([base, ...writers.values()].flatMap((tally) => [...tally.keys()]))];
  return {
    revision,
    series,
    base: columnOf(base, series),
    merged,
    writers: Object.fromEntries(
      Array.from(writers, ([writer, tally]) => [writer, columnOf(tally, series)]),
    ),
  };
}

/** Reads it back, whoever wrote it. */
export function retiredFromJson(value: unknown): Retired | 'malformed' {
  const { revision, merged, ...columns } = asRecord(value);
  const series = asSeriesList(columns['series']);
  const names = asSeriesList(merged);
  if (!Number.isSafeInteger(revision) || series === undefined || names === undefined) {
    return 'malformed';
  }
  const base = asTally(columns['base'], series);
  const writers = Object.entries(asRecord(columns['writers'])).map(
    ([writer, column]) => [writer, asTally(column, series)] as const,
  );
  const whole = writers.flatMap(([writer, tally]) =>
    tally === undefined ? [] : [[writer, tally] as const],
  );
  if (base === undefined || whole.length !== writers.length) return 'malformed';
  return { revision: Number(revision), writers: new Map(whole), base, merged: names };
}

function cellsOf(writers: ReadonlyMap<string, Tally>): number {
  let cells = 0;
  for (const { size } of writers.values()) cells += size;
  return cells;
}

import type { SeriesTotal } from '../telemetry/cluster-counters.ts';
import { asRecord } from './sealed-json.ts';

/** Totals by series, as whole numbers: what PN counters hold. */
export type Tally = ReadonlyMap<string, number>;

/** Series of one replica; more than any has. Beyond it, series are not counted across the cluster. */
export const seriesMax = 5000;

/**
 * PN counters hold whole numbers, so seconds are held as microseconds: no replica's sum is off by
 * more than half of one, and 2^53 of them are 285 years.
 */
const microsecondsPerSecond = 1_000_000;
const inSeconds = /_seconds_(?:sum|total)$/;

function scaleOf(name: string): number {
  return inSeconds.test(name) ? microsecondsPerSecond : 1;
}

/** A series as text: its name and its labels in order, `name{"label":"value"}`. */
export function seriesText({ name, labels }: Pick<SeriesTotal, 'name' | 'labels'>): string {
  const sorted = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1));
  return `${name}${JSON.stringify(Object.fromEntries(sorted))}`;
}

/** The whole number that stands for a total. */
export function scaledTotal({ name, value }: SeriesTotal): number {
  return Math.round(value * scaleOf(name));
}

/** Back to totals; what is no series of ours is left out. */
export function totalsOf(tally: Tally): SeriesTotal[] {
  return Array.from(tally).flatMap(([text, scaled]) => {
    const series = readSeries(text);
    if (series === undefined) return [];
    return [{ ...series, value: scaled / scaleOf(series.name) }];
  });
}

function readSeries(text: string): Pick<SeriesTotal, 'name' | 'labels'> | undefined {
  const at = text.indexOf('{');
  if (at <= 0) return undefined;
  try {
    const labels = asRecord(JSON.parse(text.slice(at)) as unknown);
    const isText = Object.values(labels).every((value) => typeof value === 'string');
    // Looked at one by one above, so they are texts.
    return isText
      ? { name: text.slice(0, at), labels: labels as Record<string, string> }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Adds `more` to `sum`, in place. */
export function addTally(sum: Map<string, number>, more: Tally): void {
  for (const [series, total] of more) sum.set(series, (sum.get(series) ?? 0) + total);
}

/** Totals in columns, so that several tallies share the texts of their series. */
export function columnOf(tally: Tally, series: readonly string[]): number[] {
  return series.map((text) => tally.get(text) ?? 0);
}

/** Reads a list of series. */
export function asSeriesList(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length > seriesMax) return undefined;
  const texts = value.filter((text) => typeof text === 'string');
  return texts.length === value.length ? texts : undefined;
}

/** Reads a column that belongs to a list of series. */
export function asTally(value: unknown, series: readonly string[]): Tally | undefined {
  if (!Array.isArray(value) || value.length !== series.length) return undefined;
  const numbers = value.filter((number) => Number.isSafeInteger(number) && Number(number) >= 0);
  if (numbers.length !== series.length) return undefined;
  return new Map(series.map((text, index) => [text, Number(numbers[index])]));
}

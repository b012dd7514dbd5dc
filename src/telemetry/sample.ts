import type { MetricName } from './metric-table.ts';

/** One sample at a scrape. */
export interface Sample {
  /** Behind the name of the metric: `_bucket`, `_sum` or `_count` of a histogram. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A sample without labels. */
export function plain(value: number): Sample[] {
  return [{ labels: {}, value }];
}

/** A sample that exists only once there is something to say. */
export function optional(value: number | undefined): Sample[] {
  return value === undefined ? [] : plain(value);
}

/** One sample per value of one label, beside labels that all of them have. */
export function byLabel(
  label: string,
  totals: Iterable<readonly [value: string, total: number]>,
  shared: Readonly<Record<string, string>> = {},
): Sample[] {
  return Array.from(totals, ([name, value]) => ({ labels: { ...shared, [label]: name }, value }));
}

/** What a histogram holds: buckets that are not cumulative, the last being +Inf. */
export interface HistogramCells {
  readonly boundsSeconds: readonly number[];
  readonly buckets: ArrayLike<number>;
  readonly sumSeconds: number;
}

/** The samples of one histogram, its buckets cumulative as the text format wants them. */
export function histogramSamples(
  cells: HistogramCells,
  labels: Readonly<Record<string, string>>,
): Sample[] {
  const samples: Sample[] = [];
  let count = 0;
  for (let index = 0; index < cells.buckets.length; index++) {
    count += cells.buckets[index] ?? 0;
    const bound = cells.boundsSeconds[index];
    const le = bound === undefined ? '+Inf' : String(bound);
    samples.push({ suffix: '_bucket', labels: { ...labels, le }, value: count });
  }
  samples.push({ suffix: '_sum', labels, value: cells.sumSeconds });
  samples.push({ suffix: '_count', labels, value: count });
  return samples;
}

/** How to read the samples of each metric. */
export type Sources = Readonly<Record<MetricName, () => Sample[]>>;

/** The sources of the metrics whose names begin alike. */
export type SourcesOf<Prefix extends string> = Pick<Sources, MetricName & `${Prefix}${string}`>;

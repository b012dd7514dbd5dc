import type { SeriesTotal } from './cluster-counters.ts';
import type { CacheFigures } from './figures.ts';
import { metricNames, metricTable } from './metric-table.ts';
import type { MetricName } from './metric-table.ts';
import { addProcessMetrics, lastingProcessMetrics } from './process-metrics.ts';
import type { ProcessMetrics } from './process-metrics.ts';
import type { Sample, Sources } from './sample.ts';
import type { WorkerFigures } from './worker-figures.ts';

/** What only the primary has; a worker tells nothing of it. */
const primaryPrefixes = [
  'heimdall_upstream_',
  'heimdall_grid_',
  'heimdall_cache_snapshot_',
  'heimdall_config_',
  'heimdall_filter_fetch',
  'heimdall_build_',
  'heimdall_ready',
  'heimdall_http_',
  'heimdall_worker',
  // Each fetch of a worker is one of the primary as well: counted there, once for all who wait.
  'heimdall_flights_in_progress',
];

/** The metrics that a worker tells its primary. */
export const workerMetricNames: readonly MetricName[] = metricNames.filter(
  (name) => !primaryPrefixes.some((prefix) => name.startsWith(prefix)),
);

/** The worst counts; or each process has the same lists. */
const likeEverywhere = [
  'heimdall_event_loop',
  'heimdall_filter_rules',
  'heimdall_filter_skipped',
  'heimdall_filter_names',
  'heimdall_filter_pauses',
  'heimdall_filter_last_success',
  'heimdall_certificate_expiry',
];

/**
 * How the values of several processes become one: a sum, but for what is above, and looks into the
 * cache, of which those of the primary follow a miss that its worker counted.
 */
function ruleOf(name: string): 'sum' | 'max' | 'workers' {
  if (likeEverywhere.some((prefix) => name.startsWith(prefix))) return 'max';
  return name === 'heimdall_cache_lookups_total' ? 'workers' : 'sum';
}

/** Totals of a cache that stay when its process ends, and those that only count for clients. */
const lookKeys = ['hits', 'misses', 'failureHits', 'nxdomainCuts'] as const;
const momentKeys = [
  'entries',
  'sizeBytes',
  'limitBytes',
  'sizeBytesMax',
  'ceilingBytes',
  'failureEntries',
] as const;

/** Adds up what the workers of a pod counted; what one counted that has ended stays. */
export class WorkerTotals {
  /** By the number of the process, which no other one gets. */
  readonly #latest = new Map<number, WorkerFigures>();
  /** By series: as many as one process has. */
  readonly #ended = new Map<string, SeriesTotal>();
  #endedCache: CacheFigures | undefined;
  #endedProcess: ProcessMetrics | undefined;

  /** Takes what a worker has counted by now in place of what it had before. */
  update(worker: number, figures: WorkerFigures): void {
    const processMetrics = figures.process ?? this.#latest.get(worker)?.process;
    this.#latest.set(worker, {
      ...figures,
      ...(processMetrics === undefined ? {} : { process: processMetrics }),
    });
  }

  /** The worker has ended: what it told last is final. */
  end(worker: number): void {
    const last = this.#latest.get(worker);
    if (last === undefined) return;
    this.#latest.delete(worker);
    for (const total of last.series)
      if (onlyGrows(total.name)) addSeries(this.#ended, total, 'sum');
    this.#endedCache = addCaches([this.#endedCache, withoutMoments(last.cache)]);
    if (last.process === undefined) return;
    const lasting = [this.#endedProcess ?? [], lastingProcessMetrics(last.process)];
    this.#endedProcess = lasting.flat();
  }

  of(worker: number): WorkerFigures | undefined {
    return this.#latest.get(worker);
  }

  /** The caches of all processes: entries that several of them hold are counted in each. */
  cache(own: CacheFigures): CacheFigures {
    const ofPrimary = { ...own, ...Object.fromEntries(lookKeys.map((key) => [key, 0])) };
    const ofWorkers = [...this.#latest.values()].map(({ cache }) => cache);
    return addCaches([ofPrimary, this.#endedCache, ...ofWorkers]) ?? own;
  }

  /** The metrics of the pod from those of the primary. */
  sources(own: Sources): Sources {
    const sources = metricNames.map((name) => [name, () => this.#samplesOf(name, own[name])]);
    return Object.fromEntries(sources) as Sources; // one for each name
  }

  /** The `process_…` and `nodejs_…` of the pod as a page. */
  processPage(own: ProcessMetrics): Promise<string> {
    const ofWorkers = [...this.#latest.values()].flatMap(({ process }) =>
      process === undefined ? [] : [process],
    );
    return addProcessMetrics([own, ...ofWorkers, this.#endedProcess ?? []]).metrics();
  }

  #samplesOf(name: MetricName, own: () => Sample[]): Sample[] {
    const rule = ruleOf(name);
    const sums = new Map<string, SeriesTotal>();
    const take = (total: SeriesTotal): void => {
      if (isSeriesOf(name, total.name)) addSeries(sums, total, rule === 'max' ? 'max' : 'sum');
    };
    const ofPrimary = own().map(({ suffix, labels, value }) => ({
      name: `${name}${suffix ?? ''}`,
      labels,
      value: rule === 'workers' ? 0 : value,
    }));
    for (const total of ofPrimary) take(total);
    if (workerMetricNames.includes(name)) {
      for (const { series } of this.#latest.values()) series.forEach(take);
      for (const total of this.#ended.values()) take(total);
    }
    return [...sums.values()].map((total) => sampleFrom(name, total));
  }
}

function isSeriesOf(name: string, series: string): boolean {
  return (
    series.startsWith(name) && ['', '_bucket', '_sum', '_count'].includes(series.slice(name.length))
  );
}

function sampleFrom(name: string, { name: series, labels, value }: SeriesTotal): Sample {
  const suffix = series.slice(name.length) as NonNullable<Sample['suffix']> | '';
  return suffix === '' ? { labels, value } : { suffix, labels, value };
}

function onlyGrows(series: string): boolean {
  const name = metricNames.find((candidate) => isSeriesOf(candidate, series));
  return name !== undefined && metricTable[name].type !== 'gauge';
}

function addSeries(sums: Map<string, SeriesTotal>, total: SeriesTotal, rule: 'sum' | 'max'): void {
  const key = `${total.name}${JSON.stringify(total.labels)}`;
  const before = sums.get(key)?.value;
  const added = before === undefined ? total.value : before + total.value;
  const value = rule === 'max' ? Math.max(before ?? total.value, total.value) : added;
  sums.set(key, { ...total, value });
}

function withoutMoments(cache: CacheFigures): CacheFigures {
  return { ...cache, ...Object.fromEntries(momentKeys.map((key) => [key, 0])) };
}

function addCaches(caches: readonly (CacheFigures | undefined)[]): CacheFigures | undefined {
  return caches.reduce((sum, cache) => {
    if (sum === undefined || cache === undefined) return sum ?? cache;
    const entries = Object.entries(cache).map(([key, value]) => [
      key,
      (sum[key as keyof CacheFigures] ?? 0) + (value as number),
    ]);
    return Object.fromEntries(entries);
  }, undefined);
}

import { Gauge, Registry } from 'prom-client';
import type { SeriesTotal } from './cluster-counters.ts';
import { metricNames, metricTable } from './metric-table.ts';
import type { MetricDefinition, MetricName } from './metric-table.ts';
import { addProcessMetrics, OwnProcessMetrics } from './process-metrics.ts';
import type { ProcessMetrics } from './process-metrics.ts';
import type { Sample, Sources } from './sample.ts';

type Scraped = Awaited<ReturnType<Gauge['get']>>;

/**
 * A metric whose samples are read when it is scraped. It is a Gauge for prom-client's types only:
 * the registry asks for what `get` returns, of whatever type that says it is.
 */
class SampledMetric extends Gauge {
  readonly #name: string;
  readonly #definition: MetricDefinition;
  readonly #read: () => readonly Sample[];

  constructor(name: string, definition: MetricDefinition, read: () => readonly Sample[]) {
    super({ name, help: definition.help, registers: [] });
    this.#name = name;
    this.#definition = definition;
    this.#read = read;
  }

  override get(): Promise<Scraped> {
    const values = this.#read().map(({ suffix, labels, value }) => ({
      metricName: `${this.#name}${suffix ?? ''}`,
      labels,
      value,
    }));
    const { help, type } = this.#definition;
    const scraped = { name: this.#name, help, type, values, aggregator: 'sum' };
    // The typings say that `type` is an enum of numbers; the registry writes the word itself.
    return Promise.resolve(scraped as unknown as Scraped);
  }
}

/** How the metrics of several processes become one page. */
export interface PodMetrics {
  /** Asks the other processes what they counted by now; bounded in time, never rejects. */
  readonly collect: () => Promise<void>;
  /** The metrics that any process has, with those of the others. */
  readonly processPage: (own: ProcessMetrics) => Promise<string>;
}

const oneProcess: PodMetrics = {
  collect: () => Promise.resolve(),
  processPage: (own) => addProcessMetrics([own]).metrics(),
};

/** The metrics of this replica, in the text format of Prometheus. */
export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();
  readonly #sources: Sources;
  readonly #pod: PodMetrics;
  #process: OwnProcessMetrics | undefined;

  constructor(sources: Sources, pod: PodMetrics = oneProcess) {
    this.#sources = sources;
    this.#pod = pod;
    for (const name of metricNames) {
      this.#registry.registerMetric(new SampledMetric(name, metricTable[name], sources[name]));
    }
  }

  /**
   * Adds prom-client's own `process_…` and `nodejs_…`. Once in a process: it watches the garbage
   * collector and the event loop for good.
   */
  addProcessMetrics(): void {
    this.#process = new OwnProcessMetrics();
  }

  /** The page that Prometheus scrapes. */
  async scrape(): Promise<string> {
    await this.#pod.collect();
    const page = await this.#registry.metrics();
    if (this.#process === undefined) return page;
    return page + (await this.#pod.processPage(await this.#process.read()));
  }

  /** The totals that only grow, histogram buckets included: what a cluster adds up. */
  totals(): SeriesTotal[] {
    const growing = metricNames.filter((name) => metricTable[name].type !== 'gauge');
    return totalsOf(this.#sources, growing);
  }
}

/** The series of these metrics as they stand. */
export function totalsOf(sources: Sources, names: readonly MetricName[]): SeriesTotal[] {
  return names.flatMap((name) =>
    sources[name]().map(({ suffix, labels, value }) => ({
      name: `${name}${suffix ?? ''}`,
      labels,
      value,
    })),
  );
}

/** Totals of the whole cluster as a page for Prometheus; series of unknown metrics are left out. */
export function clusterPage(totals: readonly SeriesTotal[]): Promise<string> {
  const registry = new Registry();
  for (const name of metricNames) {
    const samples = totals.flatMap((total) => sampleOf(name, total) ?? []);
    if (samples.length === 0) continue;
    registry.registerMetric(new SampledMetric(name, metricTable[name], () => samples));
  }
  return registry.metrics();
}

function sampleOf(name: string, { name: series, labels, value }: SeriesTotal): Sample | undefined {
  if (!series.startsWith(name)) return undefined;
  const suffix = series.slice(name.length);
  if (suffix === '') return { labels, value };
  if (suffix !== '_bucket' && suffix !== '_sum' && suffix !== '_count') return undefined;
  return { suffix, labels, value };
}

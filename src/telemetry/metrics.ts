import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { SeriesTotal } from './cluster-counters.ts';
import { metricNames, metricTable } from './metric-table.ts';
import type { MetricDefinition } from './metric-table.ts';
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

/** The metrics of this replica, in the text format of Prometheus. */
export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
    for (const name of metricNames) {
      this.#registry.registerMetric(new SampledMetric(name, metricTable[name], sources[name]));
    }
  }

  /**
   * Adds prom-client's own `process_…` and `nodejs_…`. Once in a process: it watches the garbage
   * collector and the event loop for good.
   */
  addProcessMetrics(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** The page that Prometheus scrapes. */
  scrape(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The totals that only grow, histogram buckets included: what a cluster adds up. */
  totals(): SeriesTotal[] {
    return metricNames
      .filter((name) => metricTable[name].type !== 'gauge')
      .flatMap((name) =>
        this.#sources[name]().map(({ suffix, labels, value }) => ({
          name: `${name}${suffix ?? ''}`,
          labels,
          value,
        })),
      );
  }
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

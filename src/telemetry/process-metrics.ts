import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client';

/** prom-client's own metrics of a process, in the form in which it adds them up. */
export type ProcessMetrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/**
 * Where prom-client's rule for several processes misleads: the lag of a process that waits must not
 * hide that of one that works, and the start of the first one is that of all.
 */
function ruleOf(name: string, usual: Rule): Rule {
  if (name.startsWith('nodejs_eventloop_lag')) return 'max';
  return name === 'process_start_time_seconds' ? 'first' : usual;
}

type Rule = ProcessMetrics[number]['aggregator'];

/**
 * The `process_…` and `nodejs_…` of this process. One in a process: it watches the garbage
 * collector and the event loop for good.
 */
export class OwnProcessMetrics {
  readonly #registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  async read(): Promise<ProcessMetrics> {
    const metrics = await this.#registry.getMetricsAsJSON();
    return metrics.map((metric) => ({
      ...metric,
      aggregator: ruleOf(metric.name, metric.aggregator),
    }));
  }
}

/** Those of several processes as of one; the first of them says what cannot be added up. */
export function addProcessMetrics(processes: readonly ProcessMetrics[]): Registry {
  return AggregatorRegistry.aggregate(processes.map((metrics) => [...metrics]));
}

/** What is left of a process that has ended: what only grows. */
export function lastingProcessMetrics(metrics: ProcessMetrics): ProcessMetrics {
  return metrics.filter(({ type }) => ['counter', 'histogram', 'summary'].includes(String(type)));
}

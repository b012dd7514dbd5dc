import type { CacheFigures } from './figures.ts';
import type { ProcessMetrics } from './process-metrics.ts';
import type { SeriesTotal } from './cluster-counters.ts';

/** What a worker process counted since its start, as its primary adds it up. */
export interface WorkerFigures {
  readonly series: readonly SeriesTotal[];
  readonly cache: CacheFigures;
  /** Queries on their way through its stages. */
  readonly inFlight: number;
  /** Told when it is asked for, and at the end; not at every interval. */
  readonly process?: ProcessMetrics;
}

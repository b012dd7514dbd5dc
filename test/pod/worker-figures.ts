import type { SeriesTotal } from '../../src/telemetry/cluster-counters.ts';
import type { WorkerFigures } from '../../src/telemetry/worker-figures.ts';
import { cacheFigures } from '../telemetry/support.ts';

/** What a worker tells: these series, by name, and the cache of a test. */
export function workerFigures(series: Readonly<Record<string, number>>): WorkerFigures {
  return {
    series: Object.entries(series).map(([name, value]): SeriesTotal => ({
      name,
      labels: {},
      value,
    })),
    cache: cacheFigures,
    inFlight: 0,
  };
}

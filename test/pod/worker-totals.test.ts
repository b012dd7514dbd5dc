import { describe, expect, test } from '@jest/globals';
import { metricSources } from '../../src/telemetry/metric-sources.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { WorkerTotals, workerMetricNames } from '../../src/telemetry/worker-totals.ts';
import { cacheFigures, samplesOf, someFigures } from '../telemetry/support.ts';
import { workerFigures } from './worker-figures.ts';

function page(totals: WorkerTotals): Promise<string> {
  return new Metrics(totals.sources(metricSources(someFigures()))).scrape();
}

const inserted = 'heimdall_cache_insertions_total';
const hit = 'heimdall_cache_lookups_total{result="hit"}';

describe('the metrics of a pod', () => {
  test('are the sum of what all processes counted', async () => {
    const totals = new WorkerTotals();
    totals.update(0, workerFigures({ [inserted]: 10, heimdall_cache_entries: 5 }));
    totals.update(1, workerFigures({ [inserted]: 20, heimdall_cache_entries: 7 }));
    const samples = samplesOf(await page(totals));
    expect(samples.get(inserted)).toBe(cacheFigures.insertions + 30);
    expect(samples.get('heimdall_cache_entries')).toBe(cacheFigures.entries + 12);
  });

  test('keep what a worker counted that has ended, but not what it held', async () => {
    const totals = new WorkerTotals();
    totals.update(0, workerFigures({ [inserted]: 10, heimdall_cache_entries: 5 }));
    totals.end(0);
    totals.end(0);
    const samples = samplesOf(await page(totals));
    expect(samples.get(inserted)).toBe(cacheFigures.insertions + 10);
    expect(samples.get('heimdall_cache_entries')).toBe(cacheFigures.entries);
  });

  test('count a look into the cache once: that of the primary follows one of a worker', async () => {
    const totals = new WorkerTotals();
    const figures = workerFigures({});
    const looks = { name: 'heimdall_cache_lookups_total', labels: { result: 'hit' }, value: 4 };
    totals.update(0, { ...figures, series: [looks] });
    expect(samplesOf(await page(totals)).get(hit)).toBe(4);
    const cache = totals.cache(cacheFigures);
    expect(cache.hits).toBe(cacheFigures.hits);
    expect(cache.insertions).toBe(2 * cacheFigures.insertions);
  });

  test('leave to the primary what it alone has', () => {
    const own = ['heimdall_upstream_up', 'heimdall_ready', 'heimdall_flights_in_progress'];
    expect(workerMetricNames.filter((name) => own.includes(name))).toEqual([]);
    expect(workerMetricNames).toContain('heimdall_queries_total');
  });
});

import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { responseCode } from '../../src/dns/codes.ts';
import { failure } from '../../src/query/outcome.ts';
import type { Outcome } from '../../src/query/outcome.ts';
import { QueryCounters } from '../../src/query/query-counters.ts';
import type { Query } from '../../src/query/query.ts';
import { ArrivalCounters } from '../../src/telemetry/arrival-counters.ts';
import { metricSources } from '../../src/telemetry/metric-sources.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { ObserveStage } from '../../src/telemetry/observe-stage.ts';
import { QueryLog } from '../../src/telemetry/query-log.ts';
import type { QueryLogOptions } from '../../src/telemetry/query-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { answerOf, clientQuery, RecordingLog, samplesOf, someFigures } from './support.ts';

const off: QueryLogOptions = { enabled: false, sampleShare: 1, clients: 'prefix' };

function observed(options: QueryLogOptions = off) {
  const clock = new VirtualClock();
  const log = new RecordingLog();
  const counters = new QueryCounters();
  const arrivals = new ArrivalCounters(counters);
  const queryLog = new QueryLog(options, { log, random: new SeededRandom(1) });
  const stage = new ObserveStage({ clock, counters, arrivals, queryLog, log });
  const pass = (query: Query, outcome: Outcome, afterMs = 0): Promise<Outcome> =>
    stage.handle(query, async () => {
      await clock.advance(afterMs);
      return outcome;
    });
  const scrape = async (): Promise<Map<string, number>> => {
    const figures = someFigures({ queries: counters, arrivals });
    return samplesOf(await new Metrics(metricSources(figures)).scrape());
  };
  return { stage, log, pass, scrape, queryLog };
}

const broken = (): Promise<Outcome> => Promise.reject(new Error('a defect'));

const answered: Outcome = {
  kind: 'answer',
  answer: answerOf('positive'),
  ageSeconds: 0,
  extendedErrors: [],
  layer: 'upstream',
  detail: '9.9.9.9:53',
};

describe('observe', () => {
  test('counts the query, its response and its time by layer', async () => {
    const { pass, scrape } = observed();
    expect(await pass(clientQuery('example.com', 'AAAA'), answered, 20)).toBe(answered);
    const samples = await scrape();
    expect(samples.get('heimdall_queries_total{transport="udp",type="AAAA"}')).toBe(1);
    expect(samples.get('heimdall_responses_total{transport="udp",code="NOERROR"}')).toBe(1);
    expect(samples.get('heimdall_query_duration_seconds_count{layer="upstream"}')).toBe(1);
    expect(samples.get('heimdall_query_duration_seconds_sum{layer="upstream"}')).toBe(0.02);
  });

  test('knows NXDOMAIN, failures and drops', async () => {
    const { pass, scrape } = observed();
    const query = clientQuery('example.com', 'A', { transport: 'tcp' });
    await pass(query, { ...answered, answer: answerOf('nxdomain') });
    await pass(query, failure(responseCode.REFUSED, 'admit'));
    await pass(query, { kind: 'drop', reason: 'rate_limit' });
    const samples = await scrape();
    expect(samples.get('heimdall_queries_total{transport="tcp",type="A"}')).toBe(3);
    expect(samples.get('heimdall_responses_total{transport="tcp",code="NXDOMAIN"}')).toBe(1);
    expect(samples.get('heimdall_responses_total{transport="tcp",code="REFUSED"}')).toBe(1);
    expect(samples.get('heimdall_query_duration_seconds_count{layer="admit"}')).toBe(1);
    expect(samples.get('heimdall_queries_dropped_total{reason="rate_limit"}')).toBe(1);
  });

  test('does not count what the cache asks for itself', async () => {
    const { pass, scrape } = observed();
    await pass(clientQuery('example.com', 'A', { purpose: 'prefetch' }), answered);
    expect((await scrape()).get('heimdall_queries_total{transport="udp",type="A"}')).toBe(0);
  });

  test('turns a stage that rejects into SERVFAIL, and says so', async () => {
    const { stage, log, scrape } = observed();
    const outcome = await stage.handle(clientQuery('example.com', 'A'), broken);
    expect(outcome).toMatchObject({ kind: 'failure', code: responseCode.SERVFAIL });
    expect(log.lines).toMatchObject([
      { level: 'error', message: 'a stage failed', fields: { question: 'example.com./A' } },
    ]);
    const samples = await scrape();
    expect(samples.get('heimdall_responses_total{transport="udp",code="SERVFAIL"}')).toBe(1);
  });
});

describe('the query log', () => {
  test('is silent while it is off', async () => {
    const { pass, log } = observed();
    await pass(clientQuery('example.com', 'A'), answered);
    expect(log.lines).toEqual([]);
  });

  test('tells what was asked, what became of it, and the network of the client', async () => {
    const { pass, log } = observed({ ...off, enabled: true });
    await pass(clientQuery('Example.com', 'AAAA'), answered, 1.5);
    expect(log.lines).toEqual([
      {
        level: 'info',
        message: 'query',
        fields: {
          client: '192.0.2.0/24',
          transport: 'udp',
          name: 'example.com.',
          type: 'AAAA',
          code: 'NOERROR',
          layer: 'upstream',
          detail: '9.9.9.9:53',
          durationMs: 1.5,
        },
      },
    ]);
  });

  test('tells of a dropped query why', async () => {
    const { pass, log } = observed({ ...off, enabled: true, clients: 'none' });
    await pass(clientQuery('example.com', 'A'), { kind: 'drop', reason: 'rate_limit' });
    expect(log.lines[0]?.fields).toMatchObject({ code: 'dropped', detail: 'rate_limit' });
    expect(log.lines[0]?.fields['client']).toBeUndefined();
  });

  test('takes about its share of the queries', async () => {
    const { pass, log, queryLog } = observed();
    queryLog.configure({ enabled: true, sampleShare: 0.1, clients: 'full' });
    const query = clientQuery('example.com', 'A');
    for (let number = 0; number < 1000; number++) await pass(query, answered);
    expect(log.lines.length).toBeGreaterThan(70);
    expect(log.lines.length).toBeLessThan(130);
    queryLog.configure({ enabled: true, sampleShare: 0, clients: 'full' });
    const before = log.lines.length;
    await pass(query, answered);
    expect(log.lines).toHaveLength(before);
  });
});

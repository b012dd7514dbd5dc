import { describe, expect, test } from '@jest/globals';
import { responseCode } from '../../src/dns/codes.ts';
import { layers, QueryCounters } from '../../src/query/query-counters.ts';
import { ArrivalCounters, transportIndex } from '../../src/telemetry/arrival-counters.ts';
import { metricSources } from '../../src/telemetry/metric-sources.ts';
import type { Figures } from '../../src/telemetry/metric-sources.ts';
import { metricNames, metricTable } from '../../src/telemetry/metric-table.ts';
import { clusterPage, Metrics } from '../../src/telemetry/metrics.ts';
import { UpstreamCounters } from '../../src/telemetry/upstream-counters.ts';
import { RecordingLog, samplesOf, someFigures } from './support.ts';

async function scrape(figures: Figures): Promise<Map<string, number>> {
  return samplesOf(await new Metrics(metricSources(figures)).scrape());
}

describe('metrics of queries', () => {
  test('queries and responses are counted by transport, type and code', async () => {
    const queries = new QueryCounters();
    queries.countQuery(transportIndex('udp'), 28);
    queries.countQuery(transportIndex('udp'), 28);
    queries.countQuery(transportIndex('tcp'), 65_280);
    queries.countResponse(transportIndex('udp'), responseCode.NXDOMAIN);
    queries.countResponse(transportIndex('tcp'), responseCode.BADVERS);
    const samples = await scrape(someFigures({ queries }));
    expect(samples.get('heimdall_queries_total{transport="udp",type="AAAA"}')).toBe(2);
    expect(samples.get('heimdall_queries_total{transport="tcp",type="other"}')).toBe(1);
    expect(samples.get('heimdall_queries_total{transport="udp",type="A"}')).toBe(0);
    expect(samples.get('heimdall_responses_total{transport="udp",code="NXDOMAIN"}')).toBe(1);
    expect(samples.get('heimdall_responses_total{transport="tcp",code="BADVERS"}')).toBe(1);
    expect(samples.has('heimdall_responses_total{transport="udp",code="RCODE6"}')).toBe(false);
  });

  test('durations are a cumulative histogram for each layer', async () => {
    const queries = new QueryCounters();
    const upstream = layers.indexOf('upstream');
    for (const seconds of [0.0001, 0.003, 0.003, 60]) queries.observeDuration(upstream, seconds);
    const samples = await scrape(someFigures({ queries }));
    const name = 'heimdall_query_duration_seconds';
    expect(samples.get(`${name}_bucket{layer="upstream",le="0.0001"}`)).toBe(1);
    expect(samples.get(`${name}_bucket{layer="upstream",le="0.005"}`)).toBe(3);
    expect(samples.get(`${name}_bucket{layer="upstream",le="5"}`)).toBe(3);
    expect(samples.get(`${name}_bucket{layer="upstream",le="+Inf"}`)).toBe(4);
    expect(samples.get(`${name}_count{layer="upstream"}`)).toBe(4);
    expect(samples.get(`${name}_sum{layer="upstream"}`)).toBeCloseTo(60.0061, 9);
    expect(samples.get(`${name}_count{layer="l1"}`)).toBe(0);
  });

  test('what never becomes a query is counted by its reason, and its response by its code', async () => {
    const queries = new QueryCounters();
    const arrivals = new ArrivalCounters(queries);
    arrivals.countRejected('udp', 'opcode', responseCode.NOTIMP);
    arrivals.countDropped('runt');
    arrivals.countShed('udp', 'in_flight', responseCode.SERVFAIL);
    arrivals.countShed('udp', 'in_flight');
    arrivals.countConnectionRefused('per_client');
    const samples = await scrape(someFigures({ queries, arrivals }));
    expect(samples.get('heimdall_queries_rejected_total{reason="opcode"}')).toBe(1);
    expect(samples.get('heimdall_queries_rejected_total{reason="class"}')).toBe(0);
    expect(samples.get('heimdall_queries_dropped_total{reason="runt"}')).toBe(1);
    expect(samples.get('heimdall_queries_shed_total{reason="in_flight"}')).toBe(2);
    expect(samples.get('heimdall_tcp_connections_refused_total{reason="per_client"}')).toBe(1);
    expect(samples.get('heimdall_responses_total{transport="udp",code="NOTIMP"}')).toBe(1);
    expect(samples.get('heimdall_responses_total{transport="udp",code="SERVFAIL"}')).toBe(1);
  });

  test('reasons that nobody bounded are counted as one beyond thirty-two', () => {
    const arrivals = new ArrivalCounters(new QueryCounters());
    for (let number = 0; number < 1000; number++) arrivals.countDropped(`reason ${String(number)}`);
    const totals = [...arrivals.dropped.entries()];
    expect(totals.length).toBeLessThanOrEqual(33);
    expect(totals.reduce((sum, [, total]) => sum + total, 0)).toBe(1000);
    expect(arrivals.dropped.total('other')).toBe(970);
  });
});

describe('metrics of upstreams', () => {
  const twoServers = {
    upstreams: () => ({
      exchangesInFlight: 3,
      exchangesRefused: 8,
      confirmations: {},
      servers: [
        { server: 'a:53', state: 'up' },
        { server: 'b:53', state: 'down' },
        { server: 'b:53', state: 'down' },
      ],
    }),
  };

  test('one response is one sample in the bucket of its own time', async () => {
    const upstreamCounters = new UpstreamCounters(new RecordingLog());
    upstreamCounters.responseArrived('a:53', 0.005, responseCode.NOERROR);
    upstreamCounters.responseArrived('a:53', 0.05, responseCode.NXDOMAIN);
    upstreamCounters.responseArrived('a:53', 0.5, 3000);
    const samples = await scrape(someFigures({ ...twoServers, upstreamCounters }));
    const name = 'heimdall_upstream_response_time_seconds';
    expect(samples.get(`${name}_bucket{server="a:53",le="0.005"}`)).toBe(1);
    expect(samples.get(`${name}_bucket{server="a:53",le="0.025"}`)).toBe(1);
    expect(samples.get(`${name}_bucket{server="a:53",le="0.05"}`)).toBe(2);
    expect(samples.get(`${name}_bucket{server="a:53",le="0.5"}`)).toBe(3);
    expect(samples.get(`${name}_count{server="a:53"}`)).toBe(3);
    expect(samples.get(`${name}_sum{server="a:53"}`)).toBeCloseTo(0.555, 9);
    expect(samples.get(`${name}_count{server="b:53"}`)).toBe(0);
    expect(samples.get('heimdall_upstream_responses_total{server="a:53",code="OTHER"}')).toBe(1);
  });

  test('every other event is counted by server and reason', async () => {
    const log = new RecordingLog();
    const upstreamCounters = new UpstreamCounters(log);
    upstreamCounters.exchangeFailed('a:53', 'timeout');
    upstreamCounters.responseMismatched('a:53', 'wrong_id');
    upstreamCounters.stateChanged('b:53', 'down', 'three timeouts');
    upstreamCounters.loopFound('b:53');
    upstreamCounters.failover('a:53');
    upstreamCounters.retransmitted('a:53');
    const samples = await scrape(someFigures({ ...twoServers, upstreamCounters }));
    const value = (name: string, labels: string): number | undefined =>
      samples.get(`heimdall_upstream_${name}{${labels}}`);
    expect(value('failures_total', 'server="a:53",reason="timeout"')).toBe(1);
    expect(value('mismatched_responses_total', 'server="a:53",kind="wrong_id"')).toBe(1);
    expect(value('state_changes_total', 'server="b:53",state="down"')).toBe(1);
    expect(value('loops_total', 'server="b:53"')).toBe(1);
    expect(value('failovers_total', 'server="a:53"')).toBe(1);
    expect(value('retransmissions_total', 'server="a:53"')).toBe(1);
    expect(value('up', 'server="a:53"')).toBe(1);
    expect(value('up', 'server="b:53"')).toBe(0);
    expect(samples.get('heimdall_upstream_exchanges_in_flight')).toBe(3);
    expect(samples.get('heimdall_upstream_exchanges_refused_total')).toBe(8);
    expect(log.lines).toEqual([
      {
        level: 'warn',
        message: 'upstream changed',
        fields: { server: 'b:53', state: 'down', reason: 'three timeouts' },
      },
    ]);
  });

  test('the series of a server that has left are gone at the next scrape', async () => {
    const upstreamCounters = new UpstreamCounters(new RecordingLog());
    upstreamCounters.failover('gone:53');
    const samples = await scrape(someFigures({ ...twoServers, upstreamCounters }));
    expect([...samples.keys()].filter((series) => series.includes('gone:53'))).toEqual([]);
  });

  test('servers are bounded even when nobody scrapes', () => {
    const upstreamCounters = new UpstreamCounters(new RecordingLog());
    for (let number = 0; number < 2000; number++) upstreamCounters.failover(String(number));
    expect([...upstreamCounters.entries()]).toHaveLength(1000);
  });
});

describe('metrics of the rest', () => {
  test('figures of the other rooms are told as they are at the scrape', async () => {
    const samples = await scrape(someFigures());
    expect(samples.get('heimdall_cache_lookups_total{result="hit"}')).toBe(10);
    expect(samples.get('heimdall_cache_lookups_total{result="miss"}')).toBe(4);
    expect(samples.get('heimdall_cache_evictions_total{queue="main"}')).toBe(8);
    expect(samples.get('heimdall_cache_size_bytes')).toBe(4096);
    expect(samples.get('heimdall_cache_limit_bytes')).toBe(65_536);
    expect(samples.get('heimdall_cache_snapshot_saves_total{result="success"}')).toBe(2);
    expect(samples.get('heimdall_cache_snapshot_last_success_timestamp_seconds')).toBe(
      1_700_000_000.5,
    );
    expect(samples.get('heimdall_flights_joined_total')).toBe(5);
    expect(samples.get('heimdall_tcp_connections{transport="tcp"}')).toBe(2);
    expect(samples.get('heimdall_log_lines_total{level="info"}')).toBe(2);
    expect(
      samples.get('heimdall_build_info{version="1.2.3",node="v24.0.0",udp_transport="dgram"}'),
    ).toBe(1);
  });

  test('reloads and readiness', async () => {
    const figures = someFigures();
    figures.reloads.failed();
    const before = await scrape(figures);
    expect(before.get('heimdall_ready')).toBe(0);
    expect(before.has('heimdall_config_last_reload_success_timestamp_seconds')).toBe(false);
    figures.reloads.succeeded();
    figures.readiness.clear('starting');
    const after = await scrape(figures);
    expect(after.get('heimdall_ready')).toBe(1);
    expect(after.get('heimdall_config_reloads_total{result="success"}')).toBe(1);
    expect(after.get('heimdall_config_reloads_total{result="failure"}')).toBe(1);
    expect(after.get('heimdall_config_last_reload_success_timestamp_seconds')).toBe(
      Date.UTC(2026, 0, 1) / 1000,
    );
  });

  test('a page has HELP and TYPE of every metric once, and no series twice', async () => {
    const page = await new Metrics(metricSources(someFigures())).scrape();
    for (const name of metricNames) {
      expect(page.split(`# TYPE ${name} ${metricTable[name].type}\n`)).toHaveLength(2);
      expect(page.split(`# HELP ${name} `)).toHaveLength(2);
    }
    const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(samplesOf(page).size).toBe(lines.length);
    expect(lines.every((line) => /^[a-z_]+(\{[^}]*\})? [\d.e+-]+$/.test(line))).toBe(true);
  });

  test('the metrics of the process are added on request', async () => {
    const metrics = new Metrics(metricSources(someFigures()));
    metrics.addProcessMetrics();
    const samples = samplesOf(await metrics.scrape());
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(0);
    expect(samples.has('nodejs_eventloop_lag_seconds')).toBe(true);
  });
});

describe('totals for a cluster', () => {
  test('hold counters and histograms, not gauges, and make a page again', async () => {
    const metrics = new Metrics(metricSources(someFigures()));
    const totals = metrics.totals();
    const names = new Set(totals.map(({ name }) => name));
    expect(names.has('heimdall_query_duration_seconds_bucket')).toBe(true);
    expect(names.has('heimdall_cache_lookups_total')).toBe(true);
    expect(names.has('heimdall_cache_entries')).toBe(false);
    const page = samplesOf(await clusterPage([...totals, { name: 'odd', labels: {}, value: 1 }]));
    expect(page.size).toBe(totals.length);
    expect(page.get('heimdall_cache_lookups_total{result="hit"}')).toBe(10);
  });
});

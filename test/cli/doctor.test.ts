import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formatAddress } from '../../src/base/address.ts';
import type { Facts, Fields } from '../../src/cli/doctor-facts.ts';
import type { Finding } from '../../src/cli/doctor-finding.ts';
import { gridChecks } from '../../src/cli/doctor-grid-checks.ts';
import { machineChecks } from '../../src/cli/doctor-machine-checks.ts';
import { replicaChecks } from '../../src/cli/doctor-replica-checks.ts';
import { trafficChecks } from '../../src/cli/doctor-traffic-checks.ts';
import { parseMetricsPage } from '../../src/cli/metrics-page.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { run } from './recorded-io.ts';

const day = 86_400;

/** A replica that lacks nothing. */
const healthy: Facts = {
  version: { version: '1.0.0', node: 'v24' },
  config: {
    workers: 1,
    listen: { tcp: { connectionsMax: 1000 }, udp: { receiveBufferBytes: 4_194_304 } },
    cache: { maxBytes: 67_108_864 },
    grid: { deduplication: { strategy: 'auto' } },
  },
  readiness: { ready: true, reasons: [] },
  upstreams: [],
  cluster: { state: 'off' },
  metrics: [],
  systemFile: () => undefined,
  wallMs: 0,
};

function withMetrics(page: string): Facts {
  return { ...healthy, metrics: parseMetricsPage(page) };
}

/** The levels of all that is not ok, with the check. */
function complaints(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ check, level, advice }) => {
    expect(advice === undefined).toBe(level === 'ok');
    return level === 'ok' ? [] : [`${level} ${check}`];
  });
}

describe('what is found', () => {
  test('nothing at a replica that lacks nothing', () => {
    const all = [replicaChecks, gridChecks, trafficChecks, machineChecks];
    expect(all.flatMap((checks) => complaints(checks(healthy)))).toEqual([]);
  });

  test('a replica that is not ready, with its reasons', () => {
    const reasons = [{ name: 'upstreams', message: 'no upstream is up' }];
    const [found] = replicaChecks({ ...healthy, readiness: { ready: false, reasons } });
    expect(found).toMatchObject({ level: 'problem', text: expect.stringContaining('no upstream') });
  });

  test.each([
    ['heimdall_config_reloads_total{result="failure"} 2', 'warning configuration'],
    [`heimdall_certificate_expiry_timestamp_seconds ${String(13 * day)}`, 'warning certificate'],
    ['heimdall_certificate_expiry_timestamp_seconds -1', 'problem certificate'],
    ['nodejs_eventloop_lag_p99_seconds 0.2', 'warning event loop'],
    ['heimdall_worker_restarts_total 1', 'warning workers'],
  ])('by the metric %s: %s', (page, complaint) => {
    expect(complaints(replicaChecks(withMetrics(page)))).toEqual([complaint]);
  });

  test.each([
    [
      'heimdall_responses_total{code="SERVFAIL"} 10\nheimdall_responses_total{code="NOERROR"} 90',
      'warning answers',
    ],
    ['heimdall_queries_dropped_total{reason="send_queue_full"} 3', 'warning losses'],
    ['heimdall_queries_shed_total{reason="access"} 1', 'warning clients'],
    ['heimdall_queries_shed_total{reason="rate_limit"} 1', 'warning clients'],
    ['heimdall_flights_refused_total 1', 'warning limits'],
  ])('by the traffic %s: %s', (page, complaint) => {
    expect(complaints(trafficChecks(withMetrics(page)))).toEqual([complaint]);
  });

  test('few failures, and single losses among many queries, are of no account', () => {
    const page = `heimdall_responses_total{code="SERVFAIL"} 4
heimdall_responses_total{code="NOERROR"} 96
heimdall_queries_total 10000
heimdall_queries_dropped_total{reason="no_buffers"} 3`;
    expect(complaints(trafficChecks(withMetrics(page)))).toEqual([]);
  });

  test.each([
    [{ '/proc/sys/net/core/rmem_max': '212992' }, 'warning receive buffer'],
    [
      {
        '/proc/sys/net/netfilter/nf_conntrack_count': '900',
        '/proc/sys/net/netfilter/nf_conntrack_max': '1000',
      },
      'warning connection tracking',
    ],
    [{ '/sys/fs/cgroup/memory.max': '134217728' }, 'warning memory'],
  ])('by the files %j: %s', (files: Readonly<Record<string, string>>, complaint) => {
    const facts = { ...healthy, systemFile: (path: string) => files[path] };
    expect(complaints(machineChecks(facts))).toEqual([complaint]);
  });

  test('file descriptors that are fewer than connections may be, and no limit of memory', () => {
    const facts = withMetrics('process_max_fds 1024\nprocess_open_fds 30');
    expect(complaints(machineChecks(facts))).toEqual(['warning file descriptors']);
    const unlimited = { '/sys/fs/cgroup/memory.max': 'max' };
    const systemFile = (path: string) => (unlimited as Record<string, string>)[path];
    expect(machineChecks({ ...healthy, systemFile })).toEqual([]);
  });

  test('a cache that gives way because memory is short', () => {
    const page = (limit: number) => `heimdall_cache_configured_bytes 67108864
heimdall_cache_limit_bytes ${String(limit)}
heimdall_memory_ceiling_bytes 134217728
process_resident_memory_bytes 150000000`;
    expect(complaints(machineChecks(withMetrics(page(16_777_216))))).toEqual([
      'warning memory ceiling',
    ]);
    expect(complaints(machineChecks(withMetrics(page(67_108_864))))).toEqual([]);
  });

  test.each<[string, Fields, string[]]>([
    ['a grid that is gone', { state: 'lost' }, ['problem grid']],
    ['a cluster of one', { members: [{ version: '5.7.0' }] }, ['warning grid']],
    [
      'different versions of replicas and members',
      {
        members: [{ version: '5.7.0' }, { version: '5.6.0' }],
        replicas: [{ version: '1.0.0' }, { version: '1.1.0' }],
      },
      ['warning versions', 'warning versions'],
    ],
    ['a clock that is wrong', { clockOffsetMs: -1500 }, ['warning clock']],
    ['members that are late', { breakersOpen: ['a member'] }, ['problem breakers']],
    [
      'replicas that share different things',
      { replicas: [{ switches: { sharedCache: 'on' } }, { switches: { sharedCache: 'off' } }] },
      ['warning switches'],
    ],
  ])('%s', (_, cluster, expected) => {
    const members = [{ version: '5.7.0' }, { version: '5.7.0' }];
    const whole = { state: 'connected', members, replicas: [], clockOffsetMs: 0, breakersOpen: [] };
    expect(complaints(gridChecks({ ...healthy, cluster: { ...whole, ...cluster } }))).toEqual(
      expected,
    );
  });

  test('locks that the members do not have', () => {
    const members = [{ version: '5.7.0' }, { version: '5.7.0' }];
    const cluster = { state: 'connected', members, replicas: [], clockOffsetMs: 0 };
    const config = { grid: { deduplication: { strategy: 'fenced-lock' } } };
    expect(complaints(gridChecks({ ...healthy, config, cluster }))).toEqual(['warning locks']);
    const old = { ...cluster, members: members.map(() => ({ version: '5.4.0' })) };
    expect(complaints(gridChecks({ ...healthy, config, cluster: old }))).toEqual([]);
  });
});

describe('heimdall doctor, at a running replica', () => {
  let upstream: ScriptedUpstream;
  let replica: TestReplica;
  let api: string;

  beforeAll(async () => {
    upstream = await ScriptedUpstream.start();
    replica = await startReplica({ upstreams: [upstream.text] });
    const { httpAddress } = replica.replica;
    api = `http://${httpAddress === undefined ? '' : formatAddress(httpAddress)}`;
  });
  afterAll(async () => {
    await Promise.all([replica.stop(), upstream.stop()]);
  });

  test('finds it ready, its upstream there, and the path wide enough', async () => {
    const { code, stdout } = await run(['doctor', '--api', api]);
    expect(stdout).toMatch(/^ok +replica +version .* is ready$/m);
    expect(stdout).toMatch(/^ok +upstreams +127\.0\.0\.1:\d+ is \w+$/m);
    expect(stdout).toMatch(/^ok +path +.* answers with the 1232 octets that are offered$/m);
    expect(stdout).toMatch(/^ok +grid +none is configured/m);
    expect(code).toBe(0);
  });

  test('finds answers that do not come through at the size that is offered', async () => {
    upstream.script = ({ edns }) => ((edns?.udpSize ?? 0) > 512 ? undefined : {});
    const { code, stdout } = await run(['doctor', '--api', api, '--json']);
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'path', level: 'problem', advice: expect.any(String) }),
    );
    expect(code).toBe(1);
  }, 20_000);

  test('says so when there is no replica', async () => {
    expect(await run(['doctor', '--api', 'http://127.0.0.1:1'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('admin API'),
    });
  });
});

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { sumOf } from '../support/metrics-page.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { tally } from './asker.ts';
import { Cluster, connected, patient } from './cluster.ts';
import { Totals } from './totals.ts';

const queryCount = 2000;

let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster;
let totals: Totals;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    script: ({ name }) =>
      name.toLowerCase().startsWith('fails')
        ? { code: 2 }
        : { answers: [{ type: 'A', name, ttl: 300, data: '192.0.2.1' }] },
  });
  member = await startMember();
  const set = { ...patient, 'grid.clusterMetrics.intervalMs': '500' };
  cluster = await Cluster.start({ replicas: 3, upstreams: [upstream], member, set });
  totals = new Totals(cluster);
}, memberStartMs);

afterAll(async () => {
  await cluster?.stop();
  await member?.kill9();
  await upstream?.stop();
});

/** Hits, misses and failures at all replicas. */
async function askMany(zone: string, count: number): Promise<void> {
  const asked = Array.from({ length: count }, (_, number) => {
    const client = cluster.client(number % 3);
    return client.ask(`${number % 50 === 0 ? 'fails' : 'n'}${String(number % 400)}.${zone}`);
  });
  const { silence } = tally(await Promise.all(asked));
  expect(silence).toBeUndefined();
}

test('totals are the sum of what the replicas counted, buckets and sums of histograms included', async () => {
  for (let batch = 0; batch < 4; batch++) await askMany('first.example', queryCount / 4);
  await totals.expectRight();
  const page = await totals.page(1, '/metrics/cluster');
  expect(sumOf(page, 'heimdall_queries_total')).toBe(queryCount);
  expect(sumOf(page, 'heimdall_query_duration_seconds_count')).toBe(queryCount);
  expect(sumOf(page, 'heimdall_query_duration_seconds_bucket')).toBeGreaterThan(queryCount);
}, 60_000);

test(
  'so they are after the member was killed under load, and came back with nothing',
  async () => {
    const load = askMany('second.example', 600);
    await member.kill9();
    await load;
    await member.restart();
    await Promise.all(cluster.replicas.map(connected));
    await askMany('third.example', 300);
    await totals.expectRight();
  },
  memberStartMs,
);

test('so they are after a replica was restarted: what it counted before stays', async () => {
  await totals.expectRight();
  await totals.remember(0);
  await cluster.replica(0).stop();
  await cluster.startReplica(0);
  await askMany('fourth.example', 300);
  await totals.expectRight();
}, 60_000);

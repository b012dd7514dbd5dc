import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { tally } from './asker.ts';
import { Cluster, connected, patient } from './cluster.ts';

const queryCount = 2000;
/** What goes on being counted while nobody asks: by scrapes, and by what replicas tell each other. */
const restless = /^heimdall_(http|grid|log)_/;

let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster;
/** What replicas had counted that have gone. */
let gone = new Map<string, number>();

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
}, memberStartMs);

afterAll(async () => {
  await cluster?.stop();
  await member?.kill9();
  await upstream?.stop();
});

/** Values by series of the page of one replica. */
async function seriesOf(index: number, path: string): Promise<Map<string, number>> {
  const response = await fetch(`${cluster.replica(index).api}${path}`);
  if (response.status !== 200) return new Map();
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('heimdall_'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [inOrder(line.slice(0, end)), Number(line.slice(end))] as const;
    }),
  );
}

/** A series with its labels in the order of their names. */
function inOrder(series: string): string {
  const [, name = series, labels = ''] = /^(\w+)\{(.*)\}$/.exec(series) ?? [];
  const sorted = (labels.match(/\w+="[^"]*"/g) ?? []).toSorted();
  return `${name}{${sorted.join(',')}}`;
}

function added(pages: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const page of pages) {
    for (const [series, value] of page) sums.set(series, (sums.get(series) ?? 0) + value);
  }
  return sums;
}

async function countedByReplicas(): Promise<Map<string, number>> {
  const pages = cluster.replicas.map((_, index) => seriesOf(index, '/metrics'));
  return added([gone, ...(await Promise.all(pages))]);
}

/** Series whose total is not the sum of what the replicas counted. */
async function differences(asSeenBy: number): Promise<string[]> {
  const totals = await seriesOf(asSeenBy, '/metrics/cluster');
  const counted = await countedByReplicas();
  if (totals.size === 0) return ['no totals yet'];
  return Array.from(totals).flatMap(([series, total]) => {
    const sum = counted.get(series) ?? 0;
    if (restless.test(series) || Math.abs(total - sum) < 1e-3) return [];
    return [`${series}: ${String(total)} in the cluster, ${String(sum)} by the replicas`];
  });
}

async function expectTotalsRight(): Promise<void> {
  for (const index of [0, 2]) {
    let last: string[] = [];
    try {
      await waitFor('the totals', async () => {
        last = await differences(index);
        return last.length === 0;
      });
    } catch {
      expect(last).toEqual([]);
    }
  }
}

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
  await expectTotalsRight();
  const totals = await seriesOf(1, '/metrics/cluster');
  const sumOf = (beginning: string): number =>
    Array.from(totals)
      .filter(([series]) => series.startsWith(beginning))
      .reduce((sum, [, value]) => sum + value, 0);
  expect(sumOf('heimdall_queries_total')).toBe(queryCount);
  expect(sumOf('heimdall_query_duration_seconds_count')).toBe(queryCount);
  expect(sumOf('heimdall_query_duration_seconds_bucket')).toBeGreaterThan(queryCount);
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
    await expectTotalsRight();
  },
  memberStartMs,
);

test('so they are after a replica was restarted: what it counted before stays', async () => {
  await expectTotalsRight();
  gone = added([gone, await seriesOf(0, '/metrics')]);
  await cluster.replica(0).stop();
  await cluster.startReplica(0);
  await askMany('fourth.example', 300);
  await expectTotalsRight();
}, 60_000);

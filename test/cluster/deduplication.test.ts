import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import type { Script } from '../support/scripted-upstream.ts';
import { tally } from './asker.ts';
import type { Asked } from './asker.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster, patient, queriesPerName } from './cluster.ts';

const replicaCount = 3;
const clientsPerReplica = 3;
const nameCount = 200;
const upstreamDelayMs = 50;

let upstream: ScriptedUpstream;
let newest: TestMember;
let lastWithLocks: TestMember;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    script: answerAfter(upstreamDelayMs),
  });
  newest = await startMember();
  lastWithLocks = await startMember({ version: '5.4.0' });
}, 2 * memberStartMs);

afterAll(async () => {
  await newest?.kill9();
  await lastWithLocks?.kill9();
  await upstream?.stop();
});

function answerAfter(delayMs: number): Script {
  return ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1')], delayMs });
}

/** Each of the names asked of each replica by several clients, all at the same instant. */
async function askAllAtOnce(cluster: Cluster, zone: string): Promise<Asked[]> {
  const asked: Promise<Asked>[] = [];
  for (let number = 0; number < nameCount; number++) {
    for (const client of cluster.clients) {
      for (let times = 0; times < clientsPerReplica; times++) {
        asked.push(client.ask(`n${String(number)}.${zone}`));
      }
    }
  }
  return Promise.all(asked);
}

/** Upstream queries for each name on average. */
async function upstreamQueriesPerName(cluster: Cluster, zone: string): Promise<number> {
  upstream.queries.length = 0;
  const asked = await askAllAtOnce(cluster, zone);
  expect(tally(asked)).toEqual({ '0/1': nameCount * replicaCount * clientsPerReplica });
  const counts = queriesPerName([upstream]);
  expect(counts.size).toBe(nameCount);
  return [...counts.values()].reduce((sum, count) => sum + count, 0) / nameCount;
}

async function withCluster<T>(
  options: { readonly member?: TestMember; readonly set?: Readonly<Record<string, string>> },
  use: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await Cluster.start({
    replicas: replicaCount,
    upstreams: [upstream],
    ...options,
  });
  try {
    return await use(cluster);
  } finally {
    await cluster.stop();
  }
}

describe('names that nobody asked for before, asked of three replicas at the same instant', () => {
  test('without a grid each replica asks upstream', async () => {
    await withCluster({ set: patient }, async (cluster) => {
      expect(await upstreamQueriesPerName(cluster, 'alone.example')).toBe(replicaCount);
    });
  }, 60_000);

  test('with leases one of them asks, and all have the answer', async () => {
    await withCluster({ member: newest, set: patient }, async (cluster) => {
      expect(await upstreamQueriesPerName(cluster, 'lease.example')).toBe(1);
    });
  }, 60_000);

  test('so it is where only frequent names are shared: what another one waits for is, no more', async () => {
    const set = { ...patient, 'grid.sharedCache.popularityMin': '50' };
    upstream.script = answerAfter(600); // until the last replica has begun to wait
    await withCluster({ member: newest, set }, async (cluster) => {
      expect(await upstreamQueriesPerName(cluster, 'seldom.example')).toBe(1);
      const kept = 'heimdall_grid_entries_unpopular_total';
      const shared = 'heimdall_grid_entries_shared_total';
      upstream.script = answerAfter(upstreamDelayMs);
      expect(await cluster.sum(kept)).toBe(0);
      const sharedBefore = await cluster.sum(shared);
      for (let number = 0; number < 20; number++) {
        await cluster.client(0).read(`alone${String(number)}.seldom.example`);
      }
      await waitFor('all to be kept back', async () => (await cluster.sum(kept)) === 20);
      expect(await cluster.sum(shared)).toBe(sharedBefore);
      const { latencyMs } = await cluster.client(1).ask('alone7.seldom.example');
      expect(latencyMs).toBeLessThan(1000); // no lease is left to wait for
    });
  }, 60_000);

  test('with FencedLock one of them asks, and all have the answer', async () => {
    const set = { ...patient, 'grid.deduplication.strategy': 'fenced-lock' };
    await withCluster({ member: lastWithLocks, set }, async (cluster) => {
      expect(await upstreamQueriesPerName(cluster, 'lock.example')).toBe(1);
    });
  }, 60_000);
});

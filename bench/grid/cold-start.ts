import { setTimeout as sleep } from 'node:timers/promises';
import { DemoUpstream } from '../../hazelcast/demo-upstream.ts';
import { SystemClock } from '../../src/base/clock.ts';
import { GridReplica, withReplicas } from './replicas.ts';
import type { Section, SectionContext } from './section.ts';
import { askByZipf } from './zipf-traffic.ts';

const names = 5000;
const warmUpQueries = 6000;
const queriesPerWindow = 300;
const windowsMax = 30;
/** Two ratios of a few hundred queries are equal within this. */
const tolerance = 0.03;
/** Replicas find out every 30 s what they are asked for most, and tell it with their next beat. */
const hotKeysToldAfterMs = 34_000;
const answersFrom = 'heimdall_query_duration_seconds_count';

/** Share of a window of queries that L1 answered. */
async function hitRatio(replica: GridReplica, seed: number): Promise<number> {
  const l1 = `${answersFrom}{layer="l1"}`;
  const before = [await replica.metric(l1), await replica.metric(answersFrom)] as const;
  const traffic = { names, queries: queriesPerWindow, seed, zone: 'cold.example', concurrency: 5 };
  await askByZipf([replica.client], traffic);
  const after = [await replica.metric(l1), await replica.metric(answersFrom)] as const;
  return (after[0] - before[0]) / (after[1] - before[1]);
}

async function rowOf(warmStart: boolean, { member }: SectionContext): Promise<string[]> {
  const upstream = await DemoUpstream.start(new SystemClock(), 1, 20);
  const set = { 'grid.warmStart.enabled': String(warmStart), 'cache.prefetch.enabled': 'false' };
  const setting = { upstreams: [upstream], member, set };
  try {
    return await withReplicas(2, setting, async (peers, prefix) => {
      const clients = peers.map(({ client }) => client);
      const zone = 'cold.example';
      await askByZipf(clients, { names, queries: warmUpQueries, seed: 1, zone, concurrency: 30 });
      if (warmStart) await sleep(hotKeysToldAfterMs);
      const startedMs = performance.now();
      const cold = await GridReplica.start('cold', prefix, setting);
      try {
        const readyMs = performance.now() - startedMs;
        return [
          warmStart ? 'with' : 'without',
          readyMs.toFixed(0),
          ...(await catchUp(cold, peers)),
        ];
      } finally {
        await cold.stop();
      }
    });
  } finally {
    upstream.stop();
  }
}

/** Windows of equal traffic to the cold replica and to a peer, until they hit alike. */
async function catchUp(cold: GridReplica, peers: readonly GridReplica[]): Promise<string[]> {
  const [peer] = peers;
  if (peer === undefined) throw new Error('there is no peer');
  const startedMs = performance.now();
  let first: string | undefined;
  for (let window = 0; window < windowsMax; window++) {
    const [own, others] = [await hitRatio(cold, 100 + window), await hitRatio(peer, 100 + window)];
    first ??= `${(100 * own).toFixed(0)} / ${(100 * others).toFixed(0)}`;
    if (own < others - tolerance) continue;
    const queries = String((window + 1) * queriesPerWindow);
    return [first, queries, (performance.now() - startedMs).toFixed(0)];
  }
  return [first ?? '', 'never', ''];
}

/** A replica joins: how long until its own memory serves as much as that of its peers. */
export const coldStart: Section = async (context) => ({
  title: 'A third replica joins two that are warm',
  heading: [
    'warm start',
    'ready ms',
    'fetched',
    'L1 hits % at first, beside a peer',
    'equal after queries to it',
    'ms',
  ],
  rows: [await rowOf(false, context), await rowOf(true, context)],
});

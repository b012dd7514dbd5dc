import { setTimeout as sleep } from 'node:timers/promises';
import { DemoUpstream } from '../../hazelcast/demo-upstream.ts';
import { SystemClock } from '../../src/base/clock.ts';
import { isGood } from './client.ts';
import { sumOf, withReplicas } from './replicas.ts';
import type { Section, SectionContext } from './section.ts';
import { askByZipf } from './zipf-traffic.ts';

const traffic = { names: 10_000, queries: 5000, seed: 11, zone: 'policy.example', concurrency: 30 };
const writtenAfterMs = 300;

async function rowOf(
  popularityMin: number,
  deduplication: 'on' | 'off',
  { member }: SectionContext,
): Promise<string[]> {
  const upstream = await DemoUpstream.start(new SystemClock(), 1, 5);
  const set = {
    'grid.sharedCache.popularityMin': String(popularityMin),
    'grid.deduplication.mode': deduplication,
    'cache.prefetch.enabled': 'false',
  };
  try {
    return await withReplicas(3, { upstreams: [upstream], member, set }, async (replicas) => {
      const clients = replicas.map(({ client }) => client);
      const answered = await askByZipf(clients, traffic);
      await sleep(writtenAfterMs);
      const looks = 'heimdall_grid_looks_total';
      const hits = await sumOf(replicas, `${looks}{result="hit"}`);
      return [
        `${String(popularityMin)}, deduplication ${deduplication}`,
        String(upstream.asked.length),
        String(new Set(upstream.asked).size),
        String(await sumOf(replicas, 'heimdall_grid_entries_shared_total')),
        ((100 * hits) / (await sumOf(replicas, looks))).toFixed(1),
        String(answered.filter((one) => !isGood(one)).length),
      ];
    });
  } finally {
    upstream.stop();
  }
}

/** Which answers are shared: upstream load against what the grid must hold. */
export const policy: Section = async (context) => {
  const rows: string[][] = [];
  for (const popularityMin of [1, 2, 4]) rows.push(await rowOf(popularityMin, 'on', context));
  for (const popularityMin of [1, 2]) rows.push(await rowOf(popularityMin, 'off', context));
  return {
    title: `Sharing policy: ${String(traffic.queries)} queries by Zipf popularity over ${String(traffic.names)} names, 3 replicas`,
    heading: ['popularityMin', 'upstream queries', 'of names', 'shared', 'L2 hits %', 'not ok'],
    rows,
  };
};

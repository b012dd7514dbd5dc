import { setTimeout as sleep } from 'node:timers/promises';
import { DemoUpstream } from '../../hazelcast/demo-upstream.ts';
import { SystemClock } from '../../src/base/clock.ts';
import { isGood, quantile } from './client.ts';
import type { Answered } from './client.ts';
import { withReplicas } from './replicas.ts';
import type { GridReplica } from './replicas.ts';
import type { Section, SectionContext } from './section.ts';

const tickMs = 50;
const warmUpMs = 3000;
const windowMs = 13_000;
/** Queries of a replica in so many ticks: one is busy, two are asked now and then. */
const ticksPerQuery = [1, 60, 60, 60];
/** The fourth one gets its first client when the others know already; it has one early success, of its start. */
const freshAfterMs = 3000;
const freshIndex = 3;

const settings = {
  'upstream.strategy': 'sequential',
  'upstream.tryTimeoutMinMs': '100',
  // Probes are not what is measured here.
  'upstream.health.backoffMinMs': '60000',
};

/** New names for a while; a name tells which replica was asked. */
async function traffic(
  replicas: readonly GridReplica[],
  zone: string,
  lengthMs: number,
): Promise<Answered[]> {
  const asked: Promise<Answered>[] = [];
  for (let tick = 0; tick * tickMs < lengthMs; tick++) {
    replicas.forEach(({ client }, index) => {
      const isTooFresh = index === freshIndex && tick * tickMs < freshAfterMs;
      if (isTooFresh || tick % (ticksPerQuery[index] ?? 1) !== 0) return;
      asked.push(client.ask(`r${String(index + 1)}-${String(tick)}.${zone}`));
    });
    await sleep(tickMs);
  }
  return Promise.all(asked);
}

async function rowOf(mode: 'on' | 'off', { member }: SectionContext): Promise<string[]> {
  const clock = new SystemClock();
  const upstreams = [await DemoUpstream.start(clock, 1, 5), await DemoUpstream.start(clock, 2, 5)];
  const [first] = upstreams;
  const set = { ...settings, 'grid.sharedHealth.mode': mode };
  try {
    return await withReplicas(4, { upstreams, member, set }, async (replicas) => {
      await traffic(replicas.slice(0, freshIndex), 'before.example', warmUpMs);
      if (first === undefined) throw new Error('there is no upstream');
      first.isStopped = true;
      const stoppedMs = performance.now();
      const lastMs = new Map<string, number>();
      const tries = new Map<string, number>();
      first.onAsked = (name) => {
        const [replica = ''] = name.split('-');
        if (!name.endsWith('after.example')) return;
        lastMs.set(replica, performance.now() - stoppedMs);
        tries.set(replica, (tries.get(replica) ?? 0) + 1);
      };
      const answered = await traffic(replicas, 'after.example', windowMs);
      return [
        mode,
        Math.max(...lastMs.values()).toFixed(0),
        ...replicas.map(({ server: { name } }) => {
          return `${(lastMs.get(name) ?? 0).toFixed(0)} (${String(tries.get(name) ?? 0)})`;
        }),
        String(answered.filter((one) => !isGood(one)).length),
        quantile(
          answered.map(({ latencyMs }) => latencyMs),
          1,
        ).toFixed(0),
      ];
    });
  } finally {
    for (const upstream of upstreams) upstream.stop();
  }
}

/** An upstream falls silent: when each replica tried it for the last time. */
export const sharedHealth: Section = async (context) => ({
  title: 'An upstream falls silent: ms until each replica leaves it alone (tries it got meanwhile)',
  heading: [
    'shared health',
    'the last',
    'r1 20/s',
    'r2 1 in 3 s',
    'r3 1 in 3 s',
    'r4 from 3 s on',
    'not ok',
    'slowest ms',
  ],
  rows: [await rowOf('off', context), await rowOf('on', context)],
});

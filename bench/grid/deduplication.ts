import { setTimeout as sleep } from 'node:timers/promises';
import { DemoUpstream } from '../../hazelcast/demo-upstream.ts';
import { SystemClock } from '../../src/base/clock.ts';
import { Client, isGood, medianAndTail } from './client.ts';
import type { Answered } from './client.ts';
import { startMember, versionWithLocks } from './grid-member.ts';
import { sumOf, withReplicas } from './replicas.ts';
import type { GridReplica, ReplicaSetting } from './replicas.ts';
import type { Section } from './section.ts';

const defaultNames = 1000;
const upstreamDelayMs = 50;
const clientsPerReplica = 3;
/** Each name goes to all clients at once; names follow each other at this pace. */
const namesPerTick = 10;
const tickMs = 20;
/** Names asked for before, so that all has been compiled. */
const warmUpNames = 200;

/** So patient that no call is given up: what the protocol does, whatever the machine is busy with. */
const patient = {
  'grid.sharedCache.lookDeadlineMs': '1000',
  'grid.deduplication.deadlineMs': '1000',
};

async function askAll(
  replicas: readonly GridReplica[],
  zone: string,
  names: number,
): Promise<Answered[]> {
  const clients = replicas.flatMap(({ server }) =>
    Array.from({ length: clientsPerReplica }, () => new Client(server.port)),
  );
  const asked: Promise<Answered>[] = [];
  for (let number = 0; number < names; number++) {
    for (const client of clients) asked.push(client.ask(`n${String(number)}.${zone}`));
    if (number % namesPerTick === namesPerTick - 1) await sleep(tickMs);
  }
  const answered = await Promise.all(asked);
  for (const client of clients) client.close();
  return answered;
}

async function rowOf(
  title: string,
  names: number,
  setting: Omit<ReplicaSetting, 'upstreams'>,
): Promise<string[]> {
  const upstream = await DemoUpstream.start(new SystemClock(), 1, upstreamDelayMs);
  try {
    return await withReplicas(3, { ...setting, upstreams: [upstream] }, async (replicas) => {
      await askAll(replicas, 'before.example', warmUpNames);
      const unavailable = 'heimdall_grid_leases_total{result="unavailable"}';
      const before = await sumOf(replicas, unavailable);
      const answered = await askAll(replicas, 'once.example', names);
      const questions = upstream.asked.filter((name) => name.endsWith('once.example')).length;
      const late = (await sumOf(replicas, unavailable)) - before;
      return [
        title,
        (questions / names).toFixed(3),
        String(questions),
        medianAndTail(answered.map(({ latencyMs }) => latencyMs)),
        String(answered.filter((one) => !isGood(one)).length),
        String(late),
      ];
    });
  } finally {
    upstream.stop();
  }
}

/** Names that nobody asked for before, each asked of three replicas at the same instant. */
export const deduplication: Section = async ({ options, member }) => {
  const names = options.names ?? defaultNames;
  const locks = await startMember(versionWithLocks);
  const fenced = { ...patient, 'grid.deduplication.strategy': 'fenced-lock' };
  try {
    return {
      title: `${String(names)} new names, each asked of 3 replicas by 9 clients at once, upstream ${String(upstreamDelayMs)} ms`,
      heading: ['', 'upstream queries/name', 'total', 'ms p50 / p99', 'not ok', 'no lease in time'],
      rows: [
        await rowOf('without a grid', names, {}),
        await rowOf('lease', names, { member }),
        await rowOf('lease, patient', names, { member, set: patient }),
        await rowOf('FencedLock, patient', names, { member: locks, set: fenced }),
      ],
    };
  } finally {
    await locks.kill();
  }
};

import { setTimeout as sleep } from 'node:timers/promises';
import { DemoUpstream } from '../../hazelcast/demo-upstream.ts';
import { SystemClock } from '../../src/base/clock.ts';
import { isGood, layerOf, medianAndTail } from './client.ts';
import { withReplicas } from './replicas.ts';
import type { GridReplica } from './replicas.ts';
import type { Section } from './section.ts';

const queries = 500;
const upstreamDelayMs = 20;
const pauseMs = 2;
/** A write goes out behind the answer. */
const sharedAfterMs = 200;
const calls = 'heimdall_grid_operation_seconds_count';

/** Latencies of queries one after the other. */
async function askInTurn(replica: GridReplica, zone: string): Promise<number[]> {
  const latencies: number[] = [];
  for (let number = 0; number < queries; number++) {
    const answered = await replica.client.ask(`n${String(number)}.${zone}`);
    if (isGood(answered)) latencies.push(answered.latencyMs);
  }
  return latencies;
}

/** Calls to the grid for each query of a run, by operation and outcome. */
async function callsFor(replica: GridReplica, run: () => Promise<number[]>): Promise<string[]> {
  const before = await replica.samples(calls);
  const latencies = await run();
  await sleep(sharedAfterMs);
  const after = await replica.samples(calls);
  const perQuery = Array.from(after, ([labels, count]) => {
    const times = (count - (before.get(labels) ?? 0)) / queries;
    const [, operation = '', outcome = ''] = /operation="(\w+)",outcome="(\w+)"/.exec(labels) ?? [];
    return { times, text: `${operation} ${outcome} ${times.toFixed(2)}` };
  }).filter(({ times }) => times >= 0.01);
  return [medianAndTail(latencies), perQuery.map(({ text }) => text).join(', ')];
}

/** How much later those who wait are answered than the one who asks upstream. */
async function waitersExtraMs(replicas: readonly GridReplica[]): Promise<number[]> {
  const extra: number[] = [];
  for (let number = 0; number < queries; number++) {
    const name = `n${String(number)}.waiters.example`;
    const answers = await Promise.all(replicas.map(({ client }) => client.ask(name, true)));
    const holder = answers.find((answered) => layerOf(answered).startsWith('upstream'));
    if (holder === undefined) continue;
    for (const answered of answers) {
      if (layerOf(answered) === 'l2') extra.push(answered.latencyMs - holder.latencyMs);
    }
    await sleep(pauseMs);
  }
  return extra;
}

/** An L2 hit as the client sees it, beside the others; what each costs in calls to the grid. */
export const latency: Section = async ({ member }) => {
  const upstream = await DemoUpstream.start(new SystemClock(), 1, upstreamDelayMs);
  try {
    const rows = await withReplicas(3, { upstreams: [upstream], member }, async (replicas) => {
      const [first, second] = replicas;
      if (first === undefined || second === undefined) throw new Error('there are no replicas');
      const miss = await callsFor(first, () => askInTurn(first, 'latency.example'));
      const shared = await callsFor(second, () => askInTurn(second, 'latency.example'));
      const own = await callsFor(second, () => askInTurn(second, 'latency.example'));
      const extra = await waitersExtraMs(replicas);
      return [
        ['L1 hit', ...own],
        ['L2 hit', ...shared],
        [`miss, upstream ${String(upstreamDelayMs)} ms`, ...miss],
        [`waiter, beyond the one who asks (${String(extra.length)})`, medianAndTail(extra), ''],
      ];
    });
    const heading = ['', 'ms p50 / p99', 'calls to the grid for each query'];
    return { title: `${String(queries)} queries one after the other`, heading, rows };
  } finally {
    upstream.stop();
  }
};

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { tally } from './asker.ts';
import { Cluster, patient } from './cluster.ts';

const hotCount = 100;
const entriesMax = 60;
const timeoutMs = 3000;

let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  member = await startMember();
  const set = { ...patient, 'cache.prefetch.enabled': 'false' };
  cluster = await Cluster.start({ replicas: 2, upstreams: [upstream], member, set });
  await askHot();
}, memberStartMs);

afterAll(async () => {
  await cluster?.stop();
  await member?.kill9();
  await upstream?.stop();
});

const names = Array.from({ length: hotCount }, (_, number) => `hot${String(number)}.example`);

/** The lower the number, the oftener it is asked for. */
async function askHot(): Promise<void> {
  for (const client of cluster.clients.slice(0, 2)) {
    for (const [number, name] of names.entries()) {
      await client.read(name);
      if (number < entriesMax) await Promise.all([client.read(name), client.read(name)]);
    }
  }
}

/** Another replica, and how many answers it had from the others when it said ready. */
async function freshReplica(index: number, set: Record<string, string> = {}): Promise<number> {
  const startedMs = performance.now();
  await cluster.startReplica(index, {
    'grid.warmStart.entriesMax': String(entriesMax),
    'grid.warmStart.timeoutMs': String(timeoutMs),
    ...set,
  });
  expect(performance.now() - startedMs).toBeLessThan(timeoutMs + 10_000);
  return (await cluster.replica(index).metric('heimdall_grid_warm_entries_total')) ?? 0;
}

function answersFrom(index: number, layer: string): Promise<number | undefined> {
  return cluster.replica(index).metric(`heimdall_query_duration_seconds_count{layer="${layer}"}`);
}

test('a fresh replica serves from its own memory what the others are asked for most, at once', async () => {
  // It is told with the beats of the others, every five seconds.
  await waitFor('the hottest names to be told', async () => (await freshReplica(2)) > 0);
  upstream.queries.length = 0;
  expect(await cluster.replica(2).metric('heimdall_grid_warm_entries_total')).toBe(entriesMax);
  const client = cluster.client(2);
  const asked = await Promise.all(names.slice(0, entriesMax).map((name) => client.ask(name)));
  expect(tally(asked)).toEqual({ '0/1': entriesMax });
  expect(await answersFrom(2, 'l1')).toBeGreaterThanOrEqual(entriesMax * 0.9);
  expect(upstream.queries).toHaveLength(0);
}, 60_000);

test('one that may not take the time is ready without, and has them from the grid when asked', async () => {
  const fetched = await freshReplica(3, { 'grid.warmStart.enabled': 'false' });
  expect(fetched).toBe(0);
  upstream.queries.length = 0;
  expect((await cluster.client(3).read('hot1.example')).code).toBe(0);
  expect(upstream.queries).toHaveLength(0);
}, 60_000);

test('a grid that does not answer delays the start by no more than the time of the warm start', async () => {
  member.freeze();
  try {
    const startedMs = performance.now();
    await cluster.startReplica(4, { 'grid.warmStart.timeoutMs': String(timeoutMs) }, false);
    expect(performance.now() - startedMs).toBeLessThan(timeoutMs + 5000);
    expect((await cluster.client(4).read('hot1.example')).code).toBe(0);
  } finally {
    member.thaw();
  }
}, 60_000);

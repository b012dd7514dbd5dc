import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import type { ReadMessage } from '../support/messages.ts';
import { addressRecord, answerAll, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster, patient, queriesPerName } from './cluster.ts';
import { inEnvironment, wrongClock } from './wrong-clock.ts';

/** How far each clock is ahead of ours. */
const replicaSeconds = [300, -420];
const memberSeconds = 660;
const ttlSeconds = 300;

let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  const clocks = await Promise.all(replicaSeconds.map(wrongClock));
  const memberClock = await wrongClock(memberSeconds);
  member = await startMember({ place: (program) => inEnvironment(memberClock, program) });
  cluster = await Cluster.start({
    replicas: replicaSeconds.length,
    upstreams: [upstream],
    member,
    set: patient,
    environmentOf: (index) => ({ ...clocks[index] }),
  });
}, memberStartMs);

afterAll(async () => {
  await cluster?.stop();
  await member?.kill9();
  await upstream?.stop();
});

beforeEach(() => {
  upstream.script = answerAll;
  upstream.queries.length = 0;
});

function ttlOf({ answers }: ReadMessage): number {
  return Number(answers[0]?.split(' ')[1]);
}

/** Asks one replica, and waits until its answer is in the grid. */
async function fetchBy(index: number, name: string): Promise<void> {
  const series = 'heimdall_grid_operation_seconds_count{operation="share",outcome="ok"}';
  const before = (await cluster.replica(index).metric(series)) ?? 0;
  await cluster.client(index).read(name);
  await waitFor('an answer to be shared', async () => {
    return ((await cluster.replica(index).metric(series)) ?? 0) > before;
  });
}

test('each replica knows how far its clock is from that of the grid', async () => {
  for (const [index, seconds] of replicaSeconds.entries()) {
    const skew = await cluster.replica(index).metric('heimdall_grid_clock_skew_seconds');
    expect(Math.abs((skew ?? Number.NaN) - (seconds - memberSeconds))).toBeLessThan(1);
  }
});

test.each([
  [0, 1],
  [1, 0],
])('what replica %p fetched, replica %p serves with the TTL that is left', async (from, to) => {
  const name = `aged${String(from)}.example`;
  await fetchBy(from, name);
  const fetchedMs = performance.now();
  await waitFor('it to age', () => performance.now() - fetchedMs > 3000);
  const left = ttlOf(await cluster.client(to).read(name));
  const ageSeconds = (performance.now() - fetchedMs) / 1000;
  expect(queriesPerName([upstream]).get(name)).toBe(1);
  expect(left).toBeLessThanOrEqual(Math.ceil(ttlSeconds - ageSeconds));
  expect(left).toBeGreaterThanOrEqual(Math.floor(ttlSeconds - ageSeconds) - 2);
});

test.each([
  [0, 1],
  [1, 0],
])('what replica %p fetched, replica %p does not serve beyond its TTL', async (from, to) => {
  const name = `short${String(from)}.example`;
  upstream.script = ({ name: asked }) => ({ answers: [addressRecord(asked, '192.0.2.1', 2)] });
  await fetchBy(from, name);
  const fetchedMs = performance.now();
  await waitFor('it to expire', () => performance.now() - fetchedMs > 2100);
  upstream.script = ({ name: asked }) => ({ answers: [addressRecord(asked, '192.0.2.2', 2)] });
  expect((await cluster.client(to).read(name)).answers[0]).toContain('192.0.2.2');
});

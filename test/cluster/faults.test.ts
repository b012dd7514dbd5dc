import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { freePort } from '../support/free-ports.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { tally } from './asker.ts';
import { Cluster, connected } from './cluster.ts';
import { quantileMs, SteadyLoad } from './load.ts';
import type { LoadResult } from './load.ts';

/** The deadlines of a look and of a lease together: what the grid may add to a miss. */
const deadlinesMs = 30;
/** A waiter that nothing wakes finds out that the grid is silent by its second look. */
const waiterMs = 530;
/** The machine does other work at the same time, and an answer to a client waits for its turn. */
const slackMs = 400;
/** Half of the hits take less, whatever else goes on. */
const hitMs = 100;
const frozenMs = 30_000;
/** Medians of two loads differ by so much on their own account. */
const addedMs = 5;
/** How soon a grid that is back must be used again. */
const usedAgainMs = 5000;

let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster | undefined;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  member = await startMember();
}, memberStartMs);

afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
  upstream.queries.length = 0;
});

afterAll(async () => {
  await member?.kill9();
  await upstream?.stop();
});

async function startCluster(awaitGrid: boolean, at: TestMember = member): Promise<Cluster> {
  // A try that takes long is not what is looked for here.
  const set = { 'upstream.tryTimeoutMinMs': '1500' };
  cluster = await Cluster.start({
    replicas: 2,
    upstreams: [upstream],
    member: at,
    set,
    awaitGrid,
  });
  return cluster;
}

/** Every query was answered, and none much later than the deadlines of the grid allow. */
function expectUndisturbed({ hits, misses, sharedMisses }: LoadResult, leastHits = 20): void {
  expect(hits.length).toBeGreaterThanOrEqual(leastHits);
  for (const asked of [hits, misses, sharedMisses]) {
    expect(tally(asked)).toEqual({ '0/1': asked.length });
  }
  expect(quantileMs(hits, 0.5)).toBeLessThan(hitMs);
  // Hits never wait for the grid: what they wait for is the machine, and misses wait for it too.
  const machineMs = quantileMs(hits, 1) + slackMs;
  expect(quantileMs(misses, 0.99)).toBeLessThan(machineMs + deadlinesMs);
  expect(quantileMs(sharedMisses, 0.99)).toBeLessThan(machineMs + deadlinesMs + waiterMs);
}

/** A steady load for so long. */
async function loadFor(of: Cluster, zone: string, lengthMs: number): Promise<LoadResult> {
  const load = await SteadyLoad.start(of, zone);
  await pause(lengthMs);
  return load.stop();
}

/** Looks into the grid that it answered. */
function looksAnswered(of: Cluster): Promise<number> {
  return of.sum('heimdall_grid_operation_seconds_count{operation="look",outcome="ok"}');
}

/** How long it takes until the grid is looked into again under the load that is on, in milliseconds. */
async function usedAgainAfterMs(of: Cluster): Promise<number> {
  const startedMs = performance.now();
  const before = await looksAnswered(of);
  await waitFor('the grid to be used', async () => (await looksAnswered(of)) > before + 5);
  return performance.now() - startedMs;
}

describe('under a steady load of hits and misses nothing fails and nothing waits', () => {
  test('while the grid was never there', async () => {
    const port = String(await freePort());
    cluster = await Cluster.start({
      replicas: 2,
      upstreams: [upstream],
      set: { 'grid.members': `127.0.0.1:${port}`, 'upstream.tryTimeoutMinMs': '1500' },
    });
    const load = await SteadyLoad.start(cluster, 'never.example');
    await pause(1500);
    expectUndisturbed(await load.stop());
    expect(await looksAnswered(cluster)).toBe(0);
  });

  test(
    'when the grid is killed, and when it comes back: used again within 5 s',
    async () => {
      const running = await startCluster(true);
      const load = await SteadyLoad.start(running, 'killed.example');
      await pause(500);
      await member.kill9();
      await pause(1000);
      await member.restart();
      const backMs = await usedAgainAfterMs(running);
      expectUndisturbed(await load.stop());
      expect(backMs).toBeLessThan(usedAgainMs);
    },
    memberStartMs,
  );

  test('when the grid freezes for 30 s, with a burst of misses; thawed it is used again within 5 s', async () => {
    const running = await startCluster(true);
    const before = await loadFor(running, 'before.example', 2000);
    const load = await SteadyLoad.start(running, 'frozen.example');
    member.freeze();
    const thawAtMs = performance.now() + frozenMs;
    try {
      const numbers = Array.from({ length: 50 }, (_, number) => String(number));
      const burst = await Promise.all(
        numbers.map((number) => running.client(0).ask(`burst${number}.frozen.example`)),
      );
      expect(tally(burst)).toEqual({ '0/1': 50 });
      expect(quantileMs(burst, 0.5)).toBeLessThan(deadlinesMs + slackMs);
      await pause(3000); // past the breaker and the heartbeat: the connection breaks as well
      expectUndisturbed(await load.stop());
      const later = await loadFor(running, 'later.example', thawAtMs - performance.now());
      expectUndisturbed(later);
      expect(quantileMs(later.hits, 0.5)).toBeLessThan(quantileMs(before.hits, 0.5) + addedMs);
      expect(quantileMs(later.misses, 0.5)).toBeLessThan(quantileMs(before.misses, 0.5) + addedMs);
    } finally {
      member.thaw();
    }
    const again = await SteadyLoad.start(running, 'again.example');
    const backMs = await usedAgainAfterMs(running);
    expectUndisturbed(await again.stop(), 1);
    expect(backMs).toBeLessThan(usedAgainMs);
  }, 90_000);

  test(
    'when the grid is absent at the start and there later',
    async () => {
      await member.kill9();
      const running = await startCluster(false);
      const load = await SteadyLoad.start(running, 'later.example');
      await pause(500);
      await member.restart();
      const startedMs = performance.now();
      await Promise.all(running.replicas.map(connected));
      await usedAgainAfterMs(running);
      const backMs = performance.now() - startedMs;
      expectUndisturbed(await load.stop());
      expect(backMs).toBeLessThan(usedAgainMs);
    },
    memberStartMs,
  );
});

describe('a frozen grid', () => {
  test('adds nothing to a miss once its breaker is open', async () => {
    const running = await startCluster(true);
    const client = running.client(0);
    member.freeze();
    try {
      await waitFor('the breaker to open', async () => {
        await client.read(`n${String(performance.now())}.example`);
        return (await running.replica(0).metric('heimdall_grid_breakers_open')) === 1;
      });
      const late = 'heimdall_grid_operation_seconds_count{operation="lease",outcome="late"}';
      const lateBefore = await running.sum(late);
      const misses = [];
      for (let number = 0; number < 30; number++) {
        misses.push(await client.ask(`open${String(number)}.example`));
      }
      expect(tally(misses)).toEqual({ '0/1': 30 });
      expect(quantileMs(misses, 0.5)).toBeLessThan(deadlinesMs / 2);
      // A few were probes, which nobody waits for.
      expect((await running.sum(late)) - lateBefore).toBeLessThan(5);
    } finally {
      member.thaw();
    }
  });
});

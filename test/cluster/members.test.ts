import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SystemClock } from '../../src/base/clock.ts';
import type { GridSession } from '../../src/grid/grid.ts';
import { HazelcastGrid } from '../../src/grid/hazelcast-grid.ts';
import { memberStartMs, startCluster } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { sumOf } from '../support/metrics-page.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { tally } from './asker.ts';
import { Cluster, connected, queriesPerName } from './cluster.ts';
import { runDnsperf } from './dnsperf.ts';
import type { LoadCounts } from './dnsperf.ts';
import { quantileMs, SteadyLoad } from './load.ts';
import type { LoadResult } from './load.ts';
import { Totals } from './totals.ts';

const memberCount = 3;
/** Those of a look and of a lease, longer than by default: the machine does other work as well. */
const deadlineMs = 200;
/** The default of `grid.deduplication.waitMaxMs`: a lease may be lost with its member. */
const waitMaxMs = 1300;
const slackMs = 1000;
const sharedNames = 300;
/** Half of the hits take less, whatever else goes on. */
const hitMs = 100;
const membersPatienceMs = 60_000;

let upstream: ScriptedUpstream;
let members: TestMember[];
let cluster: Cluster;
let totals: Totals;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  members = await startCluster(memberCount);
  cluster = await Cluster.start({
    replicas: 3,
    upstreams: [upstream],
    member: memberAt(0),
    set: {
      'upstream.tryTimeoutMinMs': '1500',
      'cache.prefetch.enabled': 'false',
      'grid.members': members.map(({ address }) => address).join(','),
      'grid.sharedCache.lookDeadlineMs': String(deadlineMs),
      'grid.deduplication.deadlineMs': String(deadlineMs),
      'grid.sharedCache.shareDeadlineMs': '10000', // members that just started are slow
      'grid.clusterMetrics.intervalMs': '1000',
    },
  });
  totals = new Totals(cluster);
}, memberStartMs);

afterAll(async () => {
  await cluster?.stop();
  await Promise.all((members ?? []).map((member) => member.kill9()));
  await upstream?.stop();
});

function memberAt(index: number): TestMember {
  const member = members[index];
  if (member === undefined) throw new Error(`there is no member ${String(index)}`);
  return member;
}

function numbered(count: number, zone: string): string[] {
  return Array.from({ length: count }, (_, number) => `n${String(number)}.${zone}`);
}

/**
 * Waits until so many members are one cluster that lacks no copies. Halves of a cluster look for
 * each other every ten seconds only.
 */
async function membersAre(count: number, toldBy: TestMember): Promise<void> {
  const endMs = performance.now() + membersPatienceMs;
  for (;;) {
    const health = await toldBy.health().catch(() => undefined); // it waits for a frozen one
    const isSettled = health?.clusterSafe === true && health.migrationQueueSize === 0;
    if (isSettled && health.clusterSize === count) return;
    if (performance.now() > endMs) throw new Error(`no cluster of ${String(count)}`);
    await pause(50);
  }
}

/** The same names of all replicas at once. */
function askOfAll(names: readonly string[], rounds: number, rateMax?: number) {
  const load = { names, rounds, ...(rateMax === undefined ? {} : { rateMax }) };
  return Promise.all(cluster.replicas.map(({ address }) => runDnsperf(address, load)));
}

function expectAllAnswered(runs: readonly LoadCounts[], queriesEach: number): void {
  const good = { completed: queriesEach, lost: 0, codes: { NOERROR: queriesEach } };
  expect(runs).toEqual(runs.map(() => good));
}

/**
 * Every query was answered. Half of them as if nothing had happened, and all but one in a hundred
 * within the deadlines of the grid: what the machine does with a single one, it does to all.
 */
function expectUndisturbed({ hits, misses, sharedMisses }: LoadResult): void {
  expect(hits.length).toBeGreaterThan(20);
  for (const asked of [hits, misses, sharedMisses]) {
    expect(tally(asked)).toEqual({ '0/1': asked.length });
  }
  expect(quantileMs(hits, 0.5)).toBeLessThan(hitMs);
  expect(quantileMs(misses, 0.5)).toBeLessThan(hitMs + deadlineMs);
  expect(quantileMs(sharedMisses, 0.5)).toBeLessThan(hitMs + 2 * deadlineMs);
  expect(quantileMs(hits, 0.99)).toBeLessThan(slackMs);
  expect(quantileMs(misses, 0.99)).toBeLessThan(2 * deadlineMs + slackMs);
  expect(quantileMs(sharedMisses, 0.99)).toBeLessThan(2 * deadlineMs + waitMaxMs + slackMs);
}

/** A steady load while `task` goes on, which ends with it whatever becomes of it. */
async function underLoad(zone: string, task: () => Promise<void>): Promise<LoadResult> {
  const load = await SteadyLoad.start(cluster, zone);
  try {
    await task();
  } catch (error) {
    await load.stop();
    throw error;
  }
  return load.stop();
}

/** Asks the first replica alone, and waits until all its answers are in the grid. */
async function shareByFirst(names: readonly string[]): Promise<void> {
  const series = 'heimdall_grid_operation_seconds_count{operation="share",outcome="ok"}';
  const before = (await cluster.replica(0).metric(series)) ?? 0;
  expectAnswered(await Promise.all(names.map((name) => cluster.client(0).ask(name))));
  await waitFor('the answers to be shared', async () => {
    const shares = (await cluster.replica(0).metric(series)) ?? 0;
    return shares >= before + names.length;
  });
}

function expectAnswered(asked: Parameters<typeof tally>[0]): void {
  expect(tally(asked)).toEqual({ '0/1': asked.length });
}

/** Names that another replica answers from the grid: upstream is not asked again. */
async function keptInGrid(names: readonly string[]): Promise<string[]> {
  upstream.queries.length = 0;
  expectAnswered(await Promise.all(names.map((name) => cluster.client(1).ask(name))));
  const asked = queriesPerName([upstream]);
  return names.filter((name) => !asked.has(name));
}

test('totals are the sum of what the replicas counted, to the last of 210,000 queries', async () => {
  const names = numbered(10_000, 'many.example').map((name, index) =>
    index % 4 === 0 ? name : `hot${String(index % 50)}.many.example`,
  );
  expectAllAnswered(await askOfAll(names, 7), 70_000);
  await totals.expectRight();
  const page = await totals.page(1, '/metrics/cluster');
  expect(sumOf(page, 'heimdall_queries_total')).toBe(210_000);
  expect(sumOf(page, 'heimdall_query_duration_seconds_count')).toBe(210_000);
}, 120_000);

test('one of three members killed under load: nothing fails, no entry and no count is lost', async () => {
  const names = numbered(sharedNames, 'kept.example');
  await shareByFirst(names);
  const load = await underLoad('killed.example', async () => {
    const many = askOfAll(numbered(1000, 'more.example'), 2, 500);
    await memberAt(2).kill9();
    expectAllAnswered(await many, 2000);
    await membersAre(2, memberAt(0));
    expect(await keptInGrid(names)).toEqual(names);
  });
  expectUndisturbed(load);
  await totals.expectRight();
  await memberAt(2).restart();
  await membersAre(memberCount, memberAt(2));
  await totals.expectRight();
}, 120_000);

/** Puts the names apart that a member holds the entries of. */
async function ownedBy(member: TestMember, names: readonly string[]): Promise<Set<string>> {
  const silent = () => undefined;
  const grid = new HazelcastGrid(
    {
      clusterName: member.clusterName,
      members: members.map(({ address }) => address),
      connectTimeoutMs: 1000,
      smartRouting: true,
    },
    {
      clock: new SystemClock(),
      log: { debug: silent, info: silent, warn: silent, error: silent },
    },
  );
  const { promise, resolve } = Promise.withResolvers<GridSession>();
  await grid.start({ connected: resolve, lost: silent });
  const session = await promise;
  try {
    const { id } = await waitFor('the members', () =>
      session.members().find(({ address }) => address.endsWith(member.address)),
    );
    await waitFor('the partitions', () => session.memberOf('n0.example./A/IN') !== 'unknown');
    return new Set(names.filter((name) => session.memberOf(`${name}./A/IN`) === id));
  } finally {
    await grid.stop();
  }
}

test('one of three members frozen: nothing fails, and what the others hold is still found', async () => {
  const names = numbered(sharedNames, 'still.example');
  await shareByFirst(names);
  const owned = await ownedBy(memberAt(1), names);
  expect(owned.size).toBeGreaterThan(0);
  expect(owned.size).toBeLessThan(sharedNames);
  const load = await underLoad('frozen.example', async () => {
    memberAt(1).freeze();
    try {
      const found = new Set(await keptInGrid(names));
      const elsewhere = names.filter((name) => !owned.has(name));
      const kept = elsewhere.filter((name) => found.has(name));
      expect(kept.length).toBeGreaterThanOrEqual(elsewhere.length * 0.98);
      await membersAre(2, memberAt(0)); // the others have put it out
    } finally {
      memberAt(1).thaw();
    }
    await membersAre(memberCount, memberAt(0));
  });
  expectUndisturbed(load);
  await totals.expectRight();
}, 120_000);

test('all members lost under load and started again: the totals are right again', async () => {
  const load = await underLoad('lost.example', async () => {
    await Promise.all(members.map((member) => member.kill9()));
    await Promise.all(members.map((member) => member.restart()));
    await Promise.all(cluster.replicas.map(connected));
  });
  expectUndisturbed(load);
  await totals.expectRight();
}, 120_000);

test('a replica restarted: the totals keep what it had counted', async () => {
  await totals.expectRight();
  await totals.remember(0);
  await cluster.replica(0).stop();
  await cluster.startReplica(0);
  expectAllAnswered(await askOfAll(numbered(1000, 'again.example'), 1), 1000);
  await totals.expectRight();
}, 120_000);

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { SystemClock } from '../../src/base/clock.ts';
import { HazelcastGrid } from '../../src/grid/hazelcast-grid.ts';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { waitFor } from '../support/wait-for.ts';
import { bySeries, CountingReplica } from './counting-replica.ts';

const clock = new SystemClock();
/** A tenth of what replicas take, so that the test does not wait. */
const intervalMs = 500;

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

let member: TestMember;
const replicas: CountingReplica[] = [];

beforeAll(async () => {
  member = await startMember();
}, memberStartMs);
afterAll(() => member.kill9(), memberStartMs);
afterEach(() => Promise.all(replicas.splice(0).map((replica) => replica.die())));

/** Each test has names of its own in the grid. */
async function startReplica(prefix: string, id: string): Promise<CountingReplica> {
  const options = {
    clusterName: 'heimdall',
    members: [member.address],
    connectTimeoutMs: 1000,
    smartRouting: true,
  };
  const grid = new HazelcastGrid(options, { clock, log: silent });
  const replica = new CountingReplica(id, grid, clock, { interval: intervalMs, prefix });
  await replica.start();
  replicas.push(replica);
  await waitFor('a connection', () => replica.caller.isConnected);
  return replica;
}

/** As many series as a replica has, all of them with something in them. */
function countMuch(replica: CountingReplica, more: number): void {
  for (let series = 0; series < 300; series++) {
    const labels = { le: String(series), layer: 'l1' };
    replica.count('heimdall_query_duration_seconds_bucket', labels, more + series);
  }
  replica.count('heimdall_query_duration_seconds_sum', { layer: 'l1' }, more / 7);
  replica.count('heimdall_queries_total', { transport: 'udp', type: 'A' }, more);
}

/** Each replica rounds a sum of seconds to a microsecond; everything else is exact. */
function isSame(told: Record<string, number>, expected: Record<string, number>): boolean {
  const names = Object.keys(expected);
  if (Object.keys(told).length !== names.length) return false;
  return names.every((series) => {
    const off = Math.abs((told[series] ?? Number.NaN) - (expected[series] ?? 0));
    return series.includes('_sum') ? off < 3e-6 : off === 0;
  });
}

async function exact(replica: CountingReplica, counted: readonly CountingReplica[]): Promise<void> {
  const expected = bySeries(counted.flatMap((one) => one.local()));
  expect(Object.keys(expected)).toHaveLength(302);
  await waitFor('the totals of all', async () => {
    const totals = await replica.counters.totals().catch(() => []);
    return isSame(bySeries(totals ?? []), expected);
  });
}

describe('the totals of the cluster on a real member', () => {
  test('are the sum of what the replicas counted', async () => {
    const [a, b] = [await startReplica('sum', 'a'), await startReplica('sum', 'b')];
    countMuch(a, 1000);
    countMuch(b, 17);
    a.publish();
    b.publish();
    await exact(a, [a, b]);
    await exact(b, [a, b]);
  }, 30_000);

  test('are right again after the member was killed with everything', async () => {
    const [c, d] = [await startReplica('loss', 'c'), await startReplica('loss', 'd')];
    countMuch(c, 5);
    countMuch(d, 9);
    await member.kill9();
    countMuch(c, 50);
    await member.restart();
    await waitFor('connections', () => c.caller.isConnected && d.caller.isConnected);
    countMuch(d, 90);
    await exact(c, [c, d]);
    await exact(d, [c, d]);
  }, 60_000);

  test('keep what a replica counted that died, and destroy its counters', async () => {
    const [e, f] = [await startReplica('death', 'e'), await startReplica('death', 'f')];
    countMuch(e, 100);
    countMuch(f, 200);
    e.publish();
    f.publish();
    await exact(f, [e, f]);
    await e.die();
    const writers = async (): Promise<string[]> => {
      const map = await f.caller.session?.map('death.writers');
      return (await map?.keys()) ?? [];
    };
    await waitFor('the retirement', async () => (await writers()).length === 1);
    await exact(f, [e, f]);
    countMuch(f, 1);
    await exact(f, [e, f]);
    const series = 'heimdall_queries_total{"transport":"udp","type":"A"}';
    const counter = await f.caller.session?.counter(`death.metric.e.${series}`);
    expect(await counter?.get()).toBe(0);
  }, 60_000);
});

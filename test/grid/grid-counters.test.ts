import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { GridUnavailable } from '../../src/base/errors.ts';
import type { SeriesTotal } from '../../src/telemetry/cluster-counters.ts';
import { MemoryGrid } from '../support/memory-grid.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { bySeries, CountingReplica, intervalMs } from './counting-replica.ts';

interface World {
  readonly clock: VirtualClock;
  readonly grid: MemoryGrid;
  readonly replicas: CountingReplica[];
  readonly add: (id: string) => Promise<CountingReplica>;
}

async function startWorld(ids: readonly string[], seed = 1): Promise<World> {
  const clock = new VirtualClock();
  const grid = new MemoryGrid({ clock, random: new SeededRandom(seed) });
  const replicas: CountingReplica[] = [];
  const add = async (id: string): Promise<CountingReplica> => {
    const replica = new CountingReplica(id, grid.gridOf(id), clock);
    await replica.start();
    replicas.push(replica);
    await clock.advance(10);
    return replica;
  };
  for (const id of ids) await add(id);
  return { clock, grid, replicas, add };
}

/** Traffic for so long: every replica counts something each 100 ms. */
async function traffic({ clock, replicas }: World, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    for (const [index, replica] of replicas.entries()) {
      if (!replica.isAlive) continue;
      replica.count('heimdall_queries_total', { transport: 'udp', type: 'A' }, index + 1);
      replica.count('heimdall_query_duration_seconds_bucket', { layer: 'l1', le: '0.001' });
      replica.count('heimdall_query_duration_seconds_sum', { layer: 'l1' }, 0.000123);
    }
    await clock.advance(100);
  }
}

function sumOf(replicas: readonly CountingReplica[]): Record<string, number> {
  return bySeries(replicas.flatMap((replica) => replica.local()));
}

async function totals(clock: VirtualClock, replica: CountingReplica): Promise<unknown> {
  const asked = replica.counters.totals();
  asked.catch(() => undefined);
  await clock.advance(500);
  return bySeries((await asked) ?? []);
}

/** Until everything counted was written. */
async function settle({ clock }: World): Promise<void> {
  await clock.advance(2 * intervalMs + 500);
}

async function expectExact(world: World, alive: readonly CountingReplica[]): Promise<void> {
  for (const replica of alive) {
    expect(await totals(world.clock, replica)).toEqual(sumOf(world.replicas));
  }
}

describe('the totals of the cluster', () => {
  test('are the sum of what the replicas counted, buckets and sums of seconds included', async () => {
    const world = await startWorld(['a', 'b', 'c']);
    await traffic(world, 20_000);
    await settle(world);
    await expectExact(world, world.replicas);
  });

  test('are there within one interval after the last count', async () => {
    const world = await startWorld(['a', 'b']);
    await traffic(world, 3000);
    await world.clock.advance(intervalMs);
    await expectExact(world, world.replicas);
  });

  test('stay right when a member is killed under load, with what it had not passed on', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = await startWorld(['a', 'b', 'c'], seed);
      await traffic(world, 5300);
      world.grid.killMember(seed % 3);
      await traffic(world, 3000);
      world.grid.startMember(seed % 3);
      await traffic(world, 2000);
      await settle(world);
      await expectExact(world, world.replicas);
    }
  });

  test('stay right when a frozen member does late what another one has done for it', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = await startWorld(['a', 'b', 'c'], seed);
      await traffic(world, 4950);
      world.grid.freezeMember(seed % 3);
      await traffic(world, seed % 2 === 0 ? 3000 : 12_000);
      world.grid.thawMember(seed % 3);
      await settle(world);
      await world.clock.advance(intervalMs);
      await expectExact(world, world.replicas);
    }
  });

  test('are right within one interval after all members were lost with everything', async () => {
    const world = await startWorld(['a', 'b', 'c']);
    await traffic(world, 12_000);
    await settle(world);
    world.grid.loseEverything();
    await world.clock.advance(intervalMs + 1000);
    await expectExact(world, world.replicas);
    expect(world.replicas[0]?.events).toEqual(['connected', 'lost', 'connected']);
  });

  test('keep what a replica counted that died: it is retired, its counters go', async () => {
    const world = await startWorld(['a', 'b', 'c']);
    await traffic(world, 12_000);
    await settle(world);
    const [a, b, c] = world.replicas as [CountingReplica, CountingReplica, CountingReplica];
    const countersBefore = world.grid.members.at(0).counters.size;
    await a.die();
    await world.clock.advance(2000);
    await expectExact(world, [b, c]);
    await world.clock.advance(10 * intervalMs);
    await expectExact(world, [b, c]);
    expect([...world.grid.peek('heimdall.writers').keys()].sort()).toEqual(['b', 'c']);
    expect(world.grid.members.at(0).counters.size).toBe((countersBefore * 2) / 3);
  });

  test('keep the retired when the grid loses everything: the others remember them', async () => {
    const world = await startWorld(['a', 'b', 'c']);
    await traffic(world, 8000);
    await settle(world);
    const [a, b, c] = world.replicas as [CountingReplica, CountingReplica, CountingReplica];
    await a.die();
    await world.clock.advance(8 * intervalMs);
    world.grid.loseEverything();
    await world.clock.advance(intervalMs + 2000);
    await expectExact(world, [b, c]);
  });

  test('are right at every moment of a retirement, also when who retires dies in between', async () => {
    const world = await startWorld(['a', 'b', 'c']);
    await traffic(world, 8000);
    await settle(world);
    const [a, b, c] = world.replicas as [CountingReplica, CountingReplica, CountingReplica];
    await a.die();
    const retired = world.grid.peek('heimdall.retired');
    for (let step = 0; step < 200_000 && !retired.has('totals'); step++) {
      await world.clock.advance(0.5);
    }
    await b.die();
    expect([...world.grid.peek('heimdall.writers').keys()].sort()).toEqual(['a', 'b', 'c']);
    await expectExact(world, [c]);
    await world.clock.advance(12 * intervalMs);
    await expectExact(world, [c]);
    expect([...world.grid.peek('heimdall.writers').keys()]).toEqual(['c']);
  });

  test('do not fall for an older entry of the retired that a split brought back', async () => {
    const world = await startWorld(['a', 'b', 'c', 'd']);
    await traffic(world, 8000);
    await settle(world);
    const [a, b, c, d] = world.replicas as [
      CountingReplica,
      CountingReplica,
      CountingReplica,
      CountingReplica,
    ];
    const retired = world.grid.peek('heimdall.retired');
    await a.die();
    await world.clock.advance(8 * intervalMs);
    const older = retired.get('totals');
    await b.die();
    await world.clock.advance(8 * intervalMs);
    expect(older).toBeDefined();
    if (older !== undefined) retired.set('totals', older);
    await world.clock.advance(intervalMs + 100);
    await expectExact(world, [c, d]);
  });

  test('neither lose nor double when a replica is restarted again and again', async () => {
    const world = await startWorld(['a0', 'b']);
    const b = world.replicas[1] as CountingReplica;
    let current = world.replicas[0] as CountingReplica;
    for (let start = 1; start <= 25; start++) {
      await traffic(world, 1000);
      await settle(world);
      await current.die();
      current = await world.add(`a${String(start)}`);
      if (start % 5 === 0) await world.clock.advance(6 * intervalMs);
    }
    await world.clock.advance(20 * intervalMs);
    await expectExact(world, [b, current]);
    expect(world.grid.peek('heimdall.writers').size).toBe(2);
  });

  test('count a replica once that was cut off for so long that it was retired', async () => {
    const world = await startWorld(['a', 'b', 'c']);
    await traffic(world, 8000);
    await settle(world);
    const [, b, c] = world.replicas as [CountingReplica, CountingReplica, CountingReplica];
    world.grid.cutOff('c');
    await traffic(world, 60_000);
    expect([...world.grid.peek('heimdall.writers').keys()]).not.toContain('c');
    world.grid.heal('c');
    await settle(world);
    await world.clock.advance(2 * intervalMs);
    await expectExact(world, [b, c]);
  });

  test('count a replica once that comes back when its totals are part of a sum already', async () => {
    const world = await startWorld(['a', 'z']);
    await traffic(world, 8000);
    await settle(world);
    const [a, z] = world.replicas as [CountingReplica, CountingReplica];
    world.grid.cutOff('z');
    for (let start = 0; start < 20; start++) {
      const brief = await world.add(`b${String(start)}`);
      brief.count('heimdall_queries_total', { transport: 'tcp', type: 'A' });
      await settle(world);
      await brief.die();
    }
    await world.clock.advance(20 * intervalMs);
    world.grid.heal('z');
    z.count('heimdall_queries_total', { transport: 'udp', type: 'A' }, 5);
    await settle(world);
    await world.clock.advance(intervalMs);
    await expectExact(world, [a, z]);
    expect([...world.grid.peek('heimdall.writers').keys()].sort()).toEqual(['a', 'z~1']);
  });

  test('are exact once calls that were dropped, refused and late have come to an end', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = await startWorld(['a', 'b', 'c'], seed);
      const faults = world.replicas.map(({ id }) => world.grid.faultsOf(id));
      for (const one of faults) {
        Object.assign(one, {
          delayMs: [0.1, 400],
          dropShare: 0.1,
          rejectShare: 0.1,
          reorderShare: 0.3,
        });
      }
      await traffic(world, 20_000);
      for (const one of faults) {
        Object.assign(one, { delayMs: [0.1, 0.5], dropShare: 0, rejectShare: 0, reorderShare: 0 });
      }
      await settle(world);
      await world.clock.advance(2 * intervalMs);
      await expectExact(world, world.replicas);
    }
  });

  test('go on from where they were when a series begins from 0 again', async () => {
    const world = await startWorld(['a']);
    const [a] = world.replicas as [CountingReplica];
    const series = (value: number): SeriesTotal[] => [
      { name: 'heimdall_upstream_loops_total', labels: { server: '192.0.2.1:53' }, value },
    ];
    for (const value of [7, 9, 2, 4]) {
      a.counters.publish(series(value));
      await world.clock.advance(100);
    }
    const asked = a.counters.totals();
    await world.clock.advance(200);
    expect(await asked).toEqual(series(9 + 4));
  });
});

describe('what is in the grid under our names', () => {
  test('may be rubbish: it is dropped and counted, and what was known is put back', async () => {
    const world = await startWorld(['a', 'b', 'c']);
    await traffic(world, 8000);
    await settle(world);
    const [a, b, c] = world.replicas as [CountingReplica, CountingReplica, CountingReplica];
    await c.die();
    await world.clock.advance(8 * intervalMs);
    for (const map of ['retired', 'writers', 'replicas']) {
      for (const key of ['totals', 'a', 'nobody']) {
        const entries = world.grid.peek(`heimdall.${map}`);
        const value = Buffer.from('rubbish that is longer than any seal');
        entries.set(key, { value, expiresAtMs: Infinity, writtenAtMs: 0 });
      }
    }
    await world.clock.advance(2 * intervalMs);
    await expectExact(world, [a, b]);
    expect(b.figures.dropped.unknown_key).toBeGreaterThan(0);
  });
});

describe('a grid that does not answer', () => {
  test('fails the totals within three seconds', async () => {
    const world = await startWorld(['a']);
    const [a] = world.replicas as [CountingReplica];
    await traffic(world, 6000);
    for (const index of [0, 1, 2]) world.grid.freezeMember(index);
    const asked = a.counters.totals();
    const outcome = asked.then(
      () => 'told',
      (error: unknown) => error,
    );
    await world.clock.advance(3100);
    expect(await outcome).toBeInstanceOf(GridUnavailable);
  });

  test('never has publishing wait or fail, and is left alone with the switch off', async () => {
    const world = await startWorld(['a']);
    const [a] = world.replicas as [CountingReplica];
    for (const index of [0, 1, 2]) world.grid.killMember(index);
    a.publish();
    await world.clock.advance(20_000);
    a.switches.current = { ...a.switches.current, clusterMetrics: 'off' };
    expect(await a.counters.totals()).toBeUndefined();
    a.switches.current = { ...a.switches.current, clusterMetrics: 'observe' };
    expect(await a.counters.totals()).toBeUndefined();
    await a.counters.stop();
  });
});

import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { clusterViewOf } from '../../src/grid/cluster-view.ts';
import { Seal } from '../../src/grid/seal.ts';
import { sealJson } from '../../src/grid/sealed-json.ts';
import { MemoryGrid } from '../support/memory-grid.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { CountingReplica, intervalMs } from './counting-replica.ts';

interface World {
  readonly clock: VirtualClock;
  readonly grid: MemoryGrid;
  readonly start: (id: string) => Promise<CountingReplica>;
}

function world(): World {
  const clock = new VirtualClock();
  const grid = new MemoryGrid({ clock, random: new SeededRandom(7) });
  const start = async (id: string): Promise<CountingReplica> => {
    const replica = new CountingReplica(id, grid.gridOf(id), clock);
    await replica.start();
    await clock.advance(100);
    return replica;
  };
  return { clock, grid, start };
}

function idsOf({ registry }: CountingReplica): string[] {
  return registry.alive().map(({ id }) => id);
}

describe('the registry of replicas', () => {
  test('tells who is there, oneself first', async () => {
    const { clock, start } = world();
    const a = await start('a');
    const b = await start('b');
    await clock.advance(intervalMs);
    expect(idsOf(a)).toEqual(['a', 'b']);
    expect(idsOf(b)).toEqual(['b', 'a']);
    expect(b.registry.alive()[1]).toMatchObject({
      address: '192.0.2.1:53',
      version: '1.2.3',
      switches: { sharedCache: 'on' },
      answers: { l1: 7 },
      hottest: ['a.example./A/IN'],
    });
  });

  test('notices one that died after a little more than three beats, and not before', async () => {
    const { clock, grid, start } = world();
    const a = await start('a');
    await start('b');
    await clock.advance(intervalMs);
    grid.cutOff('b');
    await clock.advance(3 * intervalMs);
    expect(idsOf(a)).toEqual(['a', 'b']);
    expect(a.registry.isGone('b')).toBe(false);
    await clock.advance(2 * intervalMs);
    expect(idsOf(a)).toEqual(['a']);
    expect(a.registry.isGone('b')).toBe(true);
    grid.heal('b');
    await clock.advance(2 * intervalMs);
    expect(a.registry.isGone('b')).toBe(false);
  });

  test('takes nobody for gone while the grid is out of reach, nor soon after', async () => {
    const { clock, grid, start } = world();
    const a = await start('a');
    await start('b');
    await clock.advance(intervalMs);
    grid.cutOff('a');
    await clock.advance(20 * intervalMs);
    expect(a.registry.isGone('b')).toBe(false);
    grid.heal('a');
    await clock.advance(intervalMs);
    expect(a.registry.isGone('b')).toBe(false);
    expect(a.registry.isGone('nobody')).toBe(false);
    await clock.advance(5 * intervalMs);
    expect(a.registry.isGone('nobody')).toBe(true);
  });

  test('is told by one that leaves in peace', async () => {
    const { clock, grid, start } = world();
    await start('a');
    const b = await start('b');
    const left = b.registry.stop();
    await clock.advance(100);
    await left;
    expect([...grid.peek('heimdall.replicas').keys()]).toEqual(['a']);
  });

  test('drops and counts entries that are damaged, foreign or no replica', async () => {
    const { clock, grid, start } = world();
    const a = await start('a');
    const seal = new Seal([]);
    const foreign = new Seal([{ id: 9, secret: Buffer.from('of somebody else') }]);
    const place = (id: string): string => `heimdall.replicas/${id}`;
    const replica = { id: 'x', address: '', version: '', beats: 1, switches: {} };
    const entries: [string, Buffer][] = [
      ['empty', Buffer.alloc(0)],
      ['noise', Buffer.from('not at all sealed, and longer than a seal')],
      ['foreign', sealJson(foreign, place('foreign'), replica)],
      ['moved', sealJson(seal, place('elsewhere'), replica)],
      ['list', sealJson(seal, place('list'), [1, 2])],
      ['x', sealJson(seal, place('x'), replica)],
    ];
    for (const [key, value] of entries) {
      grid.peek('heimdall.replicas').set(key, { value, expiresAtMs: Infinity, writtenAtMs: 0 });
    }
    await clock.advance(intervalMs);
    expect(idsOf(a)).toEqual(['a']);
    const { malformed, unknown_key, unauthenticated } = a.figures.dropped;
    expect({ malformed, unknown_key, unauthenticated }).toEqual({
      malformed: 3,
      unknown_key: 2,
      unauthenticated: 1,
    });
  });
});

describe('the cluster as a replica sees it', () => {
  test('has members, replicas with the share of each layer, and what is agreed of upstreams', async () => {
    const { clock, start } = world();
    const a = await start('a');
    await start('b');
    await clock.advance(intervalMs);
    const seen = {
      smoothedRttMs: 12.345,
      rttVariationMs: 1,
      responses: 3,
      reason: '',
      sinceSuccessMs: 5,
      sinceFailureMs: undefined,
    };
    const servers = new Map([['9.9.9.9:53', { state: 'up' as const, ...seen }]]);
    const view = clusterViewOf({
      replicaId: 'a',
      caller: a.caller,
      registry: a.registry,
      gridClock: { skewMs: () => -3.4 },
      figures: a.figures,
      healthBoard: {
        views: () => [{ replica: 'a', servers, heardAtMs: 0 }],
        fold: () => 'up',
      },
    });
    expect(view).toMatchObject({
      state: 'connected',
      clockOffsetMs: -3,
      breakersOpen: [],
      members: [{ id: 'member-0' }, { id: 'member-1' }, { id: 'member-2' }],
      replicas: [
        { id: 'a', answers: 7, shares: { l1: 1 } },
        { id: 'b', answers: 7, shares: { l1: 1 } },
      ],
      upstreams: [
        {
          server: '9.9.9.9:53',
          agreed: 'up',
          views: [{ replica: 'a', state: 'up', smoothedRttMs: 12.35 }],
        },
      ],
      leases: { won: 0 },
    });
  });
});

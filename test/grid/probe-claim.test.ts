import { describe, expect, test } from '@jest/globals';
import { SimulatedCluster } from '../simulation/cluster.ts';
import type { SimulatedReplica } from '../simulation/cluster.ts';

const server = '192.0.2.53:53';
const view = {
  reason: '',
  smoothedRttMs: undefined,
  rttVariationMs: undefined,
  responses: 1,
  sinceSuccessMs: 0,
  sinceFailureMs: undefined,
};

/** What each of the replicas gets when all want to probe. */
async function claims(cluster: SimulatedCluster): Promise<boolean[]> {
  const asked = cluster.replicas.map(boardOf).map((board) => board.claimProbe(server));
  await cluster.clock.advance(50);
  return Promise.all(asked);
}

function boardOf({
  grid,
}: SimulatedReplica): SimulatedReplica['grid']['coordination']['healthBoard'] {
  return grid.coordination.healthBoard;
}

async function started(flags: Readonly<Record<string, string>> = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(1, flags);
  await cluster.clock.advance(3000);
  return cluster;
}

describe('the probe of an upstream that is out', () => {
  test('is one replica at a time, and another one when that died', async () => {
    const cluster = await started();
    expect((await claims(cluster)).filter(Boolean)).toHaveLength(1);
    expect((await claims(cluster)).filter(Boolean)).toHaveLength(1); // the same one again
    await cluster.clock.advance(4000);
    expect((await claims(cluster)).filter(Boolean)).toHaveLength(1);
    await cluster.stop();
  });

  test('is for all when one of them found the upstream up', async () => {
    const cluster = await started();
    const [first] = cluster.replicas;
    if (first !== undefined) boardOf(first).publish(server, () => ({ ...view, state: 'up' }));
    await cluster.clock.advance(500);
    expect((await claims(cluster)).slice(1)).toEqual([true, true]);
    await cluster.stop();
  });

  test('is for all when health is not shared, or the grid is out of reach', async () => {
    const alone = await started({ 'grid.sharedHealth.mode': 'observe' });
    expect(await claims(alone)).toEqual([true, true, true]);
    await alone.stop();
    const cluster = await started();
    for (const { name } of cluster.replicas) cluster.grid.cutOff(name);
    await cluster.clock.advance(3000);
    expect(await claims(cluster)).toEqual([true, true, true]);
    await cluster.stop();
  });
});

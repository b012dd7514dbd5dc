import { expect, test } from '@jest/globals';
import { SimulatedCluster } from '../simulation/cluster.ts';

const maps = ['cache', 'leases', 'health', 'replicas', 'bulletins', 'clock', 'writers', 'retired'];

test('all that a resolver keeps in the grid carries its prefix, so that several can share one', async () => {
  const cluster = new SimulatedCluster(1, { 'grid.prefix': 'tenant-b' });
  await cluster.clock.advance(3000);
  const [first] = cluster.replicas;
  if (first === undefined) throw new Error('a cluster has replicas');
  cluster.ask(first, 'n1.example.com', 'A');
  await cluster.clock.advance(1000);
  first.resolver.flush({ kind: 'name', name: Buffer.from('\u0001x\u0000', 'latin1') });
  await cluster.clock.advance(1000);
  for (const map of maps) expect([...cluster.grid.peek(`heimdall.${map}`).keys()]).toEqual([]);
  expect([...cluster.grid.peek('tenant-b.cache').keys()]).toEqual(['n1.example.com./A/IN']);
  for (const map of ['leases', 'health', 'replicas', 'bulletins', 'clock']) {
    expect(cluster.grid.peek(`tenant-b.${map}`).size).toBeGreaterThan(0);
  }
  await cluster.stop();
});

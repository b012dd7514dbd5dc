import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { FilterPause } from '../../src/filter/filter-pauses.ts';
import { Leasing } from './leasing.ts';

let world: Leasing;
beforeEach(() => {
  world = new Leasing();
});
afterEach(() => world.stop());

test('a pause of the filter is told to the other replicas, once each, and not to its own', async () => {
  const heard = new Map<string, FilterPause[]>();
  const replicas = [];
  for (const id of ['one', 'two', 'three']) {
    const replica = await world.join(id);
    heard.set(id, []);
    replica.coordination.bulletins.onPause((pause) => heard.get(id)?.push(pause));
    replicas.push(replica);
  }
  const [first] = replicas;
  first?.coordination.bulletins.publishPause({ group: 'build', durationMs: 60_000 });
  first?.coordination.bulletins.publishPause({ group: undefined, durationMs: 0 });
  await world.clock.advance(5000);
  const both = [
    { group: 'build', durationMs: 60_000 },
    { group: undefined, durationMs: 0 },
  ];
  expect(Object.fromEntries(heard)).toEqual({ one: [], two: both, three: both });
});

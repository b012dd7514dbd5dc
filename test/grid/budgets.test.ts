import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ClientGuard } from '../../src/admit/client-guard.ts';
import { loadConfig } from '../../src/config/load.ts';
import { clientVerdict } from '../../src/query/client-verdict.ts';
import { Leasing } from './leasing.ts';

const { clients } = loadConfig({ env: {}, flags: {} }).config;
const loud = Uint8Array.of(10, 0, 0, 1);
const quiet = Uint8Array.of(10, 0, 0, 2);
const tickMs = 100;

let world: Leasing;
beforeEach(() => {
  world = new Leasing();
});
afterEach(() => world.stop());

/** Budget of a client: 100 queries a second. */
async function join(id: string, inCluster = true): Promise<ClientGuard> {
  const { coordination } = await world.join(id);
  const rateLimit = { ...clients.rateLimit, queriesPerSecond: 100, burst: 100, inCluster };
  const guard = new ClientGuard({ ...clients, rateLimit }, 1);
  coordination.budgets.start(guard);
  return guard;
}

/** Asks at each replica so many times a second, for some seconds. @returns how many were served in the last one */
async function ask(
  guards: readonly (readonly [guard: ClientGuard, client: Uint8Array, perSecond: number])[],
  seconds: number,
): Promise<number[]> {
  let served = guards.map(() => 0);
  for (let second = 0; second < seconds; second++) {
    served = guards.map(() => 0);
    for (let tick = 0; tick < 1000 / tickMs; tick++) {
      guards.forEach(([guard, client, perSecond], index) => {
        for (let number = 0; number < (perSecond * tickMs) / 1000; number++) {
          const verdict = guard.judge('udp', client, 0, 4, world.clock.nowMs());
          if (verdict === clientVerdict.serve) served[index] = (served[index] ?? 0) + 1;
        }
      });
      await world.clock.advance(tickMs);
    }
  }
  return served;
}

describe('the budget of a client in a cluster', () => {
  test('is one for all replicas, in proportion to what is asked at each', async () => {
    const [one, two, three] = [await join('one'), await join('two'), await join('three')];
    const served = await ask(
      [
        [one, loud, 200],
        [two, loud, 200],
        [three, loud, 100],
      ],
      6,
    );
    const total = served.reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThan(80);
    expect(total).toBeLessThan(120);
    expect(served[0]).toBeGreaterThan(Number(served[2]));
  });

  test('is nobody else’s: another client has its own, and a quiet one costs no call', async () => {
    const [one, two] = [await join('one'), await join('two')];
    const served = await ask(
      [
        [one, loud, 200],
        [two, loud, 200],
        [two, quiet, 50],
      ],
      5,
    );
    expect(served[2]).toBe(50);
    world.calls.splice(0);
    for (let second = 0; second < 5; second++) {
      one.judge('udp', quiet, 0, 4, world.clock.nowMs());
      await world.clock.advance(1000);
    }
    expect(world.calls.filter((call) => call.includes('budgets')).length).toBeLessThanOrEqual(2);
  });

  test('is whole at each replica when the grid is gone, and where it is not shared', async () => {
    const [one, two] = [await join('one'), await join('two')];
    const apart = await join('apart', false);
    await ask([[one, loud, 200]], 2);
    for (const replica of ['one', 'two']) world.grid.cutOff(replica);
    const served = await ask(
      [
        [one, loud, 200],
        [two, loud, 200],
        [apart, loud, 200],
      ],
      5,
    );
    for (const count of served) expect(count).toBeGreaterThan(90);
  });
});

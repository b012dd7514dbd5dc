import { afterEach, describe, expect, test } from '@jest/globals';
import { parseName } from '../../src/dns/name.ts';
import { addressRecord } from '../support/scripted-upstream.ts';
import type { Script } from '../support/scripted-upstream.ts';
import { optionsWith, virtualWorld } from './fixtures.ts';

const a = '192.0.2.1:53';
const b = '192.0.2.2:53';

const honest: Script = ({ name, type }) =>
  type === 'HINFO' ? { code: 3 } : { answers: [addressRecord(name, '192.0.2.99')] };

let world: ReturnType<typeof virtualWorld>;

afterEach(() => {
  world.upstreams.stop();
  expect(world.clock.timersPending).toBe(0);
});

/** Leads back to us: what it is asked comes to our admit stage, which refuses it. */
const loop: Script = ({ name }) => {
  const wire = parseName(name.toLowerCase());
  if (world.upstreams.isLoopProbe(wire)) world.upstreams.noteLoop(wire);
  return { code: 5 };
};

async function given(scripts: Record<string, Script>): Promise<void> {
  world = virtualWorld({ servers: Object.keys(scripts), loopDetection: true });
  for (const [server, script] of Object.entries(scripts))
    world.transport.scripts.set(server, script);
  await world.upstreams.start();
  await world.clock.advance(10);
}

describe('loop detection', () => {
  test('asks each upstream for a random name of two labels, once', async () => {
    await given({ [a]: honest, [b]: honest });
    const probes = world.transport.sent;
    expect(probes.map(({ server, type }) => [server, type])).toEqual([
      [a, 'HINFO'],
      [b, 'HINFO'],
    ]);
    for (const { name } of probes) expect(name).toMatch(/^[0-9a-f]{16}\.[0-9a-f]{16}$/);
    expect(probes[0]?.name).not.toBe(probes[1]?.name);
    expect(world.upstreams.status()).toMatchObject([{ state: 'up' }, { state: 'up' }]);
    expect(world.observer.responses).toEqual([]);
    expect(world.upstreams.isLoopProbe(parseName('www.example'))).toBe(false);
  });

  test('an upstream that leads back is found, named, and not used', async () => {
    await given({ [a]: loop, [b]: honest });
    expect(world.observer.loops).toEqual([a]);
    expect(world.observer.states).toContainEqual({
      server: a,
      state: 'loop',
      reason: 'it leads back to this resolver',
    });
    expect(await world.settle('www.example')).toMatchObject({ detail: b });
    expect(world.transport.countOf(a)).toBe(1);
  });

  test('where all lead back, the query fails and says so', async () => {
    await given({ [a]: loop });
    expect(await world.settle('www.example')).toMatchObject({
      kind: 'failure',
      code: 2,
      extendedErrors: [{ code: 22, text: 'every upstream leads back to this resolver' }],
    });
  });

  test('it is looked at again after the longest pause, and used when the loop has gone', async () => {
    await given({ [a]: loop });
    await world.clock.advance(60_000);
    expect(world.transport.countOf(a)).toBe(2);
    expect(world.upstreams.status()).toMatchObject([{ state: 'loop' }]);
    world.transport.scripts.set(a, () => undefined);
    await world.clock.advance(60_000);
    expect(world.upstreams.status()).toMatchObject([{ state: 'loop' }]);
    world.transport.scripts.set(a, honest);
    await world.clock.advance(61_500);
    expect(world.upstreams.status()).toMatchObject([{ state: 'up' }]);
  });

  test('other servers are looked at when the options change', async () => {
    await given({ [a]: honest });
    world.transport.scripts.set(b, loop);
    await world.upstreams.reconfigure(optionsWith({ servers: [b], loopDetection: true }));
    await world.clock.advance(10);
    expect(world.upstreams.status()).toMatchObject([{ server: b, state: 'loop' }]);
  });

  test('an upstream that is out is still probed when a look for loops displaced its probe', async () => {
    await given({ [a]: honest });
    world.transport.scripts.set(a, () => ({ broken: 'network' }));
    for (let i = 0; i < 3; i++) await world.settle(`n${String(i)}.example`);
    world.transport.scripts.set(a, () => undefined);
    await world.clock.advance(1300);
    await world.upstreams.reconfigure(optionsWith({ servers: [a], loopDetection: true }));
    await world.clock.advance(1100);
    expect(world.upstreams.status()).toMatchObject([{ state: 'down' }]);
    world.transport.scripts.set(a, honest);
    await world.clock.advance(6000);
    expect(world.upstreams.status()).toMatchObject([{ state: 'up' }]);
  });
});

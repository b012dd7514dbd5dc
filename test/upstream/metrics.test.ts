import { describe, expect, test } from '@jest/globals';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { ask, queryFor, realWorld, virtualWorld } from './fixtures.ts';

const delaysMs = [5, 50, 500];
const servers = delaysMs.map((_delay, index) => `192.0.2.${String(index + 1)}:53`);
const queries = 20;

function sum(seconds: readonly number[]): number {
  return seconds.reduce((total, each) => total + each, 0);
}

/** Three upstreams of 5, 50 and 500 ms without sockets, asked one name after the other. */
async function runVirtual(changes: Parameters<typeof virtualWorld>[0]) {
  const world = virtualWorld({ servers, tryTimeoutMinMs: 1000, ...changes });
  servers.forEach((server, index) => {
    const delayMs = delaysMs[index] ?? 0;
    world.transport.scripts.set(server, ({ name }) => ({
      answers: [addressRecord(name, '192.0.2.99')],
      delayMs,
    }));
  });
  for (let i = 0; i < queries; i++) await world.settle(`n${String(i)}.example`);
  await world.clock.advance(5000);
  world.upstreams.stop();
  return world;
}

describe('every response of an upstream is one sample, taken when it arrives', () => {
  test('in parallel: the losers of each race included, with their own time', async () => {
    const { observer } = await runVirtual({ strategy: 'parallel', parallelism: 3 });
    servers.forEach((server, index) => {
      const seconds = observer.secondsOf(server);
      expect(seconds).toHaveLength(queries);
      expect(sum(seconds)).toBeCloseTo((queries * (delaysMs[index] ?? 0)) / 1000, 9);
    });
  });

  test('in sequence: the upstream that was asked, and no other', async () => {
    const { observer } = await runVirtual({ strategy: 'sequential' });
    expect(servers.map((server) => observer.secondsOf(server).length)).toEqual([queries, 0, 0]);
    expect(sum(observer.secondsOf(servers[0] ?? ''))).toBeCloseTo(queries * 0.005, 9);
  });

  test('fastest: one sample for each question sent', async () => {
    const { observer, transport } = await runVirtual({
      strategy: 'fastest',
      explorationShare: 0.3,
    });
    servers.forEach((server, index) => {
      const seconds = observer.secondsOf(server);
      expect(seconds).toHaveLength(transport.countOf(server));
      for (const each of seconds) expect(each).toBeCloseTo((delaysMs[index] ?? 0) / 1000, 9);
    });
  });

  test('a response after the answer of another upstream, and after its own time, is one too', async () => {
    const world = virtualWorld({ servers: servers.slice(0, 2) });
    const [slow = '', quick = ''] = servers;
    world.transport.scripts.set(slow, () => ({ code: 2, delayMs: 1500 }));
    world.transport.scripts.set(quick, () => ({ code: 3, delayMs: 10 }));
    await world.settle('www.example');
    expect(world.observer.responses).toEqual([{ server: quick, seconds: 0.01, code: 3 }]);
    await world.clock.advance(4000);
    expect(world.observer.responses.at(-1)).toEqual({ server: slow, seconds: 1.5, code: 2 });
    expect(world.observer.failures).toEqual([{ server: slow, reason: 'timeout' }]);
    world.upstreams.stop();
  });

  test('over real sockets as well: counts and times of 5, 50 and 500 ms', async () => {
    const real = await Promise.all(
      delaysMs.map((delayMs) =>
        ScriptedUpstream.start({
          script: ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1')], delayMs }),
        }),
      ),
    );
    const { upstreams, observer } = realWorld({
      servers: real.map(({ text }) => text),
      strategy: 'parallel',
      parallelism: 3,
    });
    const names = Array.from({ length: 10 }, (_, index) => `n${String(index)}.example`);
    await Promise.all(names.map((name) => ask(upstreams, queryFor(name))));
    while (upstreams.exchangesInFlight > 0) await new Promise((resolve) => setImmediate(resolve));
    real.forEach(({ text }, index) => {
      const delaySeconds = (delaysMs[index] ?? 0) / 1000;
      const seconds = observer.secondsOf(text);
      expect(seconds).toHaveLength(10);
      // A timer may fire a millisecond early, and a busy machine be late.
      for (const each of seconds) expect(each).toBeGreaterThan(delaySeconds - 0.002);
      expect(Math.min(...seconds)).toBeLessThan(delaySeconds + 0.4);
    });
    upstreams.stop();
    await Promise.all(real.map((each) => each.stop()));
  });
});

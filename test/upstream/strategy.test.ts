import { afterEach, describe, expect, test } from '@jest/globals';
import type { Script } from '../support/scripted-upstream.ts';
import { addressRecord } from '../support/scripted-upstream.ts';
import { virtualWorld } from './fixtures.ts';

const a = '192.0.2.1:53';
const b = '192.0.2.2:53';
const c = '192.0.2.3:53';

const after =
  (delayMs: number): Script =>
  ({ name }) => ({ answers: [addressRecord(name, '192.0.2.99')], delayMs });
const code =
  (number: number, delayMs = 1): Script =>
  () => ({ code: number, delayMs });

let world: ReturnType<typeof virtualWorld>;

afterEach(() => world.upstreams.stop());

function given(scripts: Record<string, Script>, changes: Parameters<typeof virtualWorld>[0]) {
  world = virtualWorld({ servers: Object.keys(scripts), ...changes });
  for (const [server, script] of Object.entries(scripts))
    world.transport.scripts.set(server, script);
  return world;
}

async function askMany(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await world.settle(`n${String(i)}.example`);
}

describe('the strategy fastest', () => {
  test('measures each once, then asks the one with the lowest smoothed round trip time', async () => {
    const { transport } = given(
      { [a]: after(50), [b]: after(5), [c]: after(20) },
      { strategy: 'fastest' },
    );
    await askMany(20);
    expect([a, b, c].map((server) => transport.countOf(server))).toEqual([1, 18, 1]);
  });

  test('gives a share of the queries to others, and so notices one that became fast', async () => {
    const { transport } = given(
      { [a]: after(50), [b]: after(20) },
      { strategy: 'fastest', explorationShare: 0.1 },
    );
    await askMany(100);
    expect(transport.countOf(a)).toBeGreaterThan(2);
    expect(transport.countOf(a)).toBeLessThan(25);
    transport.scripts.set(a, after(2));
    await askMany(400);
    expect(transport.sent.slice(-20).filter(({ server }) => server === a).length).toBeGreaterThan(
      14,
    );
  });

  test('asks others first while one is silent or fails, and waits no longer for it than before', async () => {
    const { transport, clock } = given({ [a]: after(5), [b]: after(40) }, { strategy: 'fastest' });
    await askMany(4);
    transport.scripts.set(a, () => undefined);
    await world.settle('silent.example');
    await clock.advance(1000);
    const before = transport.countOf(a);
    expect(await world.settle('then.example')).toMatchObject({ detail: b });
    expect(transport.countOf(a)).toBe(before);
  });

  test('takes the estimate of the other replicas where it has none of its own', async () => {
    world = virtualWorld(
      { servers: [a, b], strategy: 'fastest' },
      {
        healthBoard: {
          publish: () => {},
          withdraw: () => {},
          onDoubt: () => {},
          agreed: () => 'unknown',
          sinceFailureMs: () => Number.POSITIVE_INFINITY,
          estimateMs: (server) => (server === a ? 80 : 3),
          claimProbe: () => Promise.resolve(true),
        },
      },
    );
    world.transport.scripts.set(b, after(3));
    expect(await world.settle('www.example')).toMatchObject({ detail: b });
    expect(world.transport.countOf(a)).toBe(0);
  });
});

describe('the strategy parallel', () => {
  test('asks the best N at once; the first good answer wins', async () => {
    const { settle, transport, clock } = given(
      { [a]: after(50), [b]: after(5), [c]: after(20) },
      { strategy: 'parallel', parallelism: 2 },
    );
    expect(await settle('www.example')).toMatchObject({ detail: b });
    expect(clock.nowMs()).toBe(5);
    expect(transport.sent.map(({ server }) => server)).toEqual([a, b]);
  });

  test('a failure waits for the others', async () => {
    const { settle } = given({ [a]: code(2), [b]: after(30) }, { strategy: 'parallel' });
    expect(await settle('www.example')).toMatchObject({ kind: 'answer', detail: b });
  });

  test('NXDOMAIN is a good answer', async () => {
    const { settle } = given({ [a]: code(3), [b]: after(30) }, { strategy: 'parallel' });
    expect(await settle('www.example')).toMatchObject({ answer: { kind: 'nxdomain' }, detail: a });
  });

  test('when all of them failed, it goes on with the rest', async () => {
    const { settle, clock } = given(
      { [a]: code(2), [b]: code(5, 9), [c]: after(30) },
      { strategy: 'parallel' },
    );
    expect(await settle('www.example')).toMatchObject({ detail: c });
    expect(clock.nowMs()).toBe(39);
  });
});

describe('routes', () => {
  const corp = '10.0.0.1:53';
  const lab = '10.0.0.2:53';

  test('the longest suffix wins, whole labels count, and names outside take the servers of all', async () => {
    const { transport, settle } = given(
      { [a]: after(1) },
      {
        routes: [
          { suffix: 'corp.example', servers: [corp] },
          { suffix: 'Lab.Corp.Example.', servers: [lab] },
        ],
      },
    );
    for (const server of [corp, lab]) transport.scripts.set(server, after(1));
    for (const [name, server] of [
      ['corp.example', corp],
      ['www.corp.example', corp],
      ['x.lab.corp.example', lab],
      ['notcorp.example', a],
      ['example', a],
    ]) {
      expect(await settle(name ?? '')).toMatchObject({ detail: server });
    }
  });

  test('a server of several routes is one: what was measured of it holds for all', async () => {
    const { upstreams, settle } = given(
      { [a]: after(7) },
      { routes: [{ suffix: 'corp.example', servers: [a, `tcp://${a}`], strategy: 'fastest' }] },
    );
    await settle('www.example');
    expect(upstreams.status()).toMatchObject([
      { server: a, route: '.', transport: 'udp', smoothedRttMs: 7, responses: 1, state: 'up' },
      { server: a, route: 'corp.example.', transport: 'udp', smoothedRttMs: 7 },
      { server: `tcp://${a}`, transport: 'tcp', smoothedRttMs: null, state: 'unknown' },
    ]);
    expect(upstreams.servers).toEqual([a, `tcp://${a}`]);
  });
});

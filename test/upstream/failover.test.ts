import { afterEach, describe, expect, test } from '@jest/globals';
import type { Script } from '../support/scripted-upstream.ts';
import { addressRecord } from '../support/scripted-upstream.ts';
import { ask, queryFor, virtualWorld } from './fixtures.ts';

const a = '192.0.2.1:53';
const b = '192.0.2.2:53';
const c = '192.0.2.3:53';

/** Answers after so many milliseconds. */
const after =
  (delayMs: number): Script =>
  ({ name }) => ({ answers: [addressRecord(name, '192.0.2.99')], delayMs });
const mute: Script = () => undefined;
const code =
  (number: number): Script =>
  () => ({ code: number, delayMs: 1 });

let world: ReturnType<typeof virtualWorld>;

afterEach(() => {
  world.upstreams.stop();
  expect(world.clock.timersPending).toBe(0);
  expect(world.transport.exchangesOpen).toBe(0);
});

function given(scripts: Record<string, Script>, changes: Parameters<typeof virtualWorld>[0] = {}) {
  world = virtualWorld({ servers: Object.keys(scripts), ...changes });
  for (const [server, script] of Object.entries(scripts))
    world.transport.scripts.set(server, script);
  return world;
}

describe('when the time of a try is over', () => {
  test('the next upstream is asked: after 400 ms if nothing is known of the first', async () => {
    const { settle, transport, observer } = given({ [a]: mute, [b]: after(10) });
    expect(await settle('www.example')).toMatchObject({ kind: 'answer', detail: b });
    expect(transport.sent.map(({ server, atMs }) => [server, atMs])).toEqual([
      [a, 0],
      [b, 400],
    ]);
    expect(observer.failovers).toEqual([a]);
  });

  test('a known upstream is given its smoothed round trip time and four variations (RFC 6298 section 2)', async () => {
    const { settle, transport, clock } = given({ [a]: after(100), [b]: after(10) });
    await settle('one.example');
    transport.scripts.set(a, mute);
    const startMs = clock.nowMs();
    await settle('two.example');
    expect((transport.sent.at(-1)?.atMs ?? 0) - startMs).toBe(300);
  });

  test('a late answer of the first still wins', async () => {
    const { settle, clock } = given({ [a]: after(600), [b]: mute });
    expect(await settle('www.example')).toMatchObject({ kind: 'answer', detail: a });
    expect(clock.nowMs()).toBe(600);
  });

  test('an upstream that takes 2 s for a cold name, though it is known as fast, is heard', async () => {
    const { settle, transport, upstreams } = given({ [a]: after(5) });
    for (let i = 0; i < 20; i++) await settle(`n${String(i)}.example`);
    transport.scripts.set(a, after(2000));
    expect(await settle('cold.example')).toMatchObject({ kind: 'answer', detail: a });
    expect(upstreams.status()).toMatchObject([{ state: 'up', consecutiveFailures: 0 }]);
  });

  test('an only upstream gets the same octets again on the same socket: at most three, each wait twice as long (RFC 9520 section 3.1)', async () => {
    const { settle, transport, observer } = given({ [a]: mute });
    const outcome = await settle('www.example', 4100);
    expect(transport.sent.map(({ atMs }) => atMs)).toEqual([0, 400, 1200]);
    expect(new Set(transport.sent.map(({ wire }) => wire.toString('hex'))).size).toBe(1);
    expect(new Set(transport.sent.map(({ source }) => source.port)).size).toBe(1);
    expect(observer.retransmissions).toEqual([a, a]);
    expect(outcome).toEqual({
      kind: 'failure',
      code: 2,
      extendedErrors: [{ code: 22, text: `no upstream answered: ${a} timeout` }],
      layer: 'failure',
      detail: a,
      silent: [a],
    });
  });

  test('the budget bounds the whole query', async () => {
    const { settle, clock } = given({ [a]: mute, [b]: mute, [c]: mute }, { queryBudgetMs: 700 });
    expect(await settle('www.example')).toMatchObject({ kind: 'failure' });
    expect(clock.nowMs()).toBe(700);
  });
});

describe('an upstream that responds without an answer', () => {
  test('is left at once; SERVFAIL of one does not outweigh the answer of another', async () => {
    const { settle, clock } = given({ [a]: code(2), [b]: code(5), [c]: after(10) });
    expect(await settle('www.example')).toMatchObject({ kind: 'answer', detail: c });
    expect(clock.nowMs()).toBe(12);
  });

  test('is not asked again: the query fails as soon as all have failed (RFC 9520)', async () => {
    const { settle, clock, transport } = given({ [a]: code(2), [b]: code(2) });
    expect(await settle('www.example')).toMatchObject({ kind: 'failure', code: 2 });
    expect(clock.nowMs()).toBe(2);
    expect(transport.sent).toHaveLength(2);
  });

  test('REFUSED stays REFUSED if all say so, and is SERVFAIL otherwise', async () => {
    const { settle, transport } = given({ [a]: code(5), [b]: code(5) });
    expect(await settle('one.example')).toMatchObject({ code: 5, extendedErrors: [{ code: 22 }] });
    transport.scripts.set(b, code(4));
    expect(await settle('two.example')).toMatchObject({ code: 2 });
  });

  test('its extended errors are passed on beside ours (RFC 8914)', async () => {
    const data = Buffer.concat([Buffer.from([0, 6]), Buffer.from('bogus')]);
    const { settle } = given({ [a]: () => ({ code: 2, edns: [{ code: 15, data }] }) });
    expect(await settle('www.example')).toMatchObject({
      extendedErrors: [
        { code: 6, text: 'bogus' },
        { code: 0, text: `no upstream answered: ${a} SERVFAIL` },
      ],
    });
  });

  test('a network that fails is told apart: extended error 23', async () => {
    const { settle } = given({ [a]: () => ({ broken: 'network' }), [b]: code(2) });
    expect(await settle('www.example')).toMatchObject({
      code: 2,
      extendedErrors: [{ code: 23, text: `no upstream answered: ${a} network, ${b} SERVFAIL` }],
    });
  });
});

describe('bounds', () => {
  test('beyond the exchanges allowed a query fails at once and is counted', async () => {
    const { upstreams, clock, transport, settle } = given({ [a]: mute }, { exchangesMax: 2 });
    void ask(upstreams, queryFor('one.example'));
    void ask(upstreams, queryFor('two.example'));
    expect(await settle('three.example')).toMatchObject({
      kind: 'failure',
      code: 2,
      extendedErrors: [{ code: 0 }],
    });
    expect(upstreams.exchangesInFlight).toBe(2);
    expect(upstreams.exchangesRefused).toBe(1);
    expect(transport.sent).toHaveLength(2);
    await clock.advance(4000);
    expect(upstreams.exchangesInFlight).toBe(0);
  });

  test('two equal questions to one upstream share one exchange (RFC 5452 section 5)', async () => {
    const { upstreams, clock, transport } = given({ [a]: after(50) });
    const both = Promise.all([
      ask(upstreams, queryFor('www.example')),
      ask(upstreams, queryFor('WWW.example')),
    ]);
    await clock.advance(50);
    for (const outcome of await both) expect(outcome).toMatchObject({ kind: 'answer' });
    expect(transport.sent).toHaveLength(1);
  });

  test('a question that a settled query left behind is joined, not doubled', async () => {
    const { upstreams, clock, transport, settle } = given({ [a]: after(900), [b]: after(10) });
    expect(await settle('www.example')).toMatchObject({ detail: b });
    transport.scripts.set(b, mute);
    const second = ask(upstreams, queryFor('www.example'));
    await clock.advance(600);
    expect(await second).toMatchObject({ kind: 'answer', detail: a });
    expect(transport.countOf(a)).toBe(1);
  });

  test('stopping fails what is in flight, and later queries at once', async () => {
    const { upstreams } = given({ [a]: mute });
    const pending = ask(upstreams, queryFor('www.example'));
    upstreams.stop();
    expect(await pending).toMatchObject({ kind: 'failure', code: 2 });
    expect(await ask(upstreams, queryFor('www.example'))).toMatchObject({ kind: 'failure' });
  });
});

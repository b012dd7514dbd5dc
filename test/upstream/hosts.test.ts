import { afterEach, describe, expect, test } from '@jest/globals';
import { addressRecord } from '../support/scripted-upstream.ts';
import type { Script } from '../support/scripted-upstream.ts';
import { ask, optionsWith, queryFor, virtualWorld } from './fixtures.ts';

const answer: Script = ({ name }) => ({ answers: [addressRecord(name, '192.0.2.99')] });

let world: ReturnType<typeof virtualWorld>;
let addresses: readonly string[] | Error;
let lookups: number;

afterEach(() => {
  world.upstreams.stop();
  expect(world.clock.timersPending).toBe(0);
});

function given(changes: Parameters<typeof virtualWorld>[0] = {}, resolveHost = resolveNow) {
  lookups = 0;
  world = virtualWorld({ servers: ['dns.example:5353'], ...changes }, { resolveHost });
  for (const host of ['192.0.2.1:5353', '192.0.2.2:5353', '[2001:db8::1]:5353']) {
    world.transport.scripts.set(host, answer);
  }
  return world;
}

function resolveNow(): Promise<readonly string[]> {
  lookups++;
  return addresses instanceof Error ? Promise.reject(addresses) : Promise.resolve(addresses);
}

describe('upstreams given by name', () => {
  test('are looked up at the start; every address is an upstream', async () => {
    addresses = ['192.0.2.1', '2001:db8:0::1', '192.0.2.1'];
    const { upstreams } = given();
    await upstreams.start();
    expect(upstreams.servers).toEqual(['192.0.2.1:5353', '[2001:db8::1]:5353']);
  });

  test('are looked up again at the interval; what stays keeps what was measured of it', async () => {
    addresses = ['192.0.2.1'];
    const { upstreams, clock, settle } = given();
    await upstreams.start();
    await settle('www.example');
    addresses = ['192.0.2.2', '192.0.2.1'];
    await clock.advance(30_000);
    expect(upstreams.status()).toMatchObject([
      { server: '192.0.2.2:5353', responses: 0 },
      { server: '192.0.2.1:5353', responses: 1 },
    ]);
    expect(lookups).toBe(2);
  });

  test('a lookup that fails, or finds nothing, keeps the last good addresses', async () => {
    addresses = ['192.0.2.1'];
    const { upstreams, clock } = given();
    await upstreams.start();
    addresses = new Error('no resolver');
    await clock.advance(30_000);
    addresses = [];
    await clock.advance(30_000);
    expect(upstreams.servers).toEqual(['192.0.2.1:5353']);
    expect(lookups).toBe(3);
  });

  test('without any address queries fail and say why; the name is looked up again soon', async () => {
    addresses = new Error('no resolver');
    const { upstreams, clock, settle } = given();
    await upstreams.start();
    expect(await settle('www.example')).toMatchObject({
      kind: 'failure',
      code: 2,
      extendedErrors: [{ code: 22, text: 'no address for dns.example' }],
    });
    addresses = ['192.0.2.1'];
    await clock.advance(2000);
    expect(await settle('www.example')).toMatchObject({ kind: 'answer' });
  });

  test('the start waits 2 s for them at most', async () => {
    const { upstreams, clock } = given({}, () => new Promise(() => {}));
    let started = false;
    void upstreams.start().then(() => (started = true));
    await clock.advance(1999);
    expect(started).toBe(false);
    await clock.advance(1);
    expect(started).toBe(true);
  });

  test('stopping ends that wait', async () => {
    const { upstreams } = given({}, () => new Promise(() => {}));
    const started = upstreams.start();
    upstreams.stop();
    await started;
  });
});

describe('other options while running', () => {
  test('queries in flight keep their way, servers that left are let go of', async () => {
    const { upstreams, transport, clock } = given({ servers: ['192.0.2.7:53'] });
    transport.scripts.set('192.0.2.7:53', ({ name }) => ({
      answers: [addressRecord(name, '192.0.2.99')],
      delayMs: 50,
    }));
    const pending = ask(upstreams, queryFor('www.example'));
    await upstreams.reconfigure(optionsWith({ servers: ['192.0.2.8:53'] }));
    expect(upstreams.servers).toEqual(['192.0.2.8:53']);
    await clock.advance(50);
    expect(await pending).toMatchObject({ kind: 'answer', detail: '192.0.2.7:53' });
  });

  test('bad ones are refused and the running ones stay', async () => {
    const { upstreams } = given({ servers: ['192.0.2.7:53'] });
    const refused = upstreams.reconfigure(optionsWith({ servers: ['192.0.2.8:port'] }));
    await expect(refused).rejects.toThrow('port');
    expect(upstreams.servers).toEqual(['192.0.2.7:53']);
  });

  test('without any upstream a query fails and says so', async () => {
    const { settle } = given({ servers: [] });
    expect(await settle('www.example')).toMatchObject({
      extendedErrors: [{ code: 22, text: 'no upstream is configured' }],
    });
  });
});

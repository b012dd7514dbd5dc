import { afterEach, describe, expect, test } from '@jest/globals';
import type { RecordType } from 'dns-packet';
import type { ScriptedQuery, ScriptedReply } from '../support/scripted-upstream.ts';
import { encodeStamp } from '../support/stamps.ts';
import { virtualWorld } from './fixtures.ts';

let world: ReturnType<typeof virtualWorld>;
afterEach(() => {
  world.upstreams.stop();
  expect(world.clock.timersPending).toBe(0);
});

/** Knows one address of each family, for as long as is said. */
function knowing(ttl: number, address = '192.0.2.1') {
  return ({ name, type }: ScriptedQuery): ScriptedReply => ({
    answers: [
      {
        type: type as RecordType,
        name,
        ttl,
        data: type === 'A' ? address : '2001:db8::1',
      } as never,
    ],
  });
}

function given(changes: Parameters<typeof virtualWorld>[0]) {
  world = virtualWorld({ servers: ['tls://dns.example'], bootstrap: ['9.9.9.9:53'], ...changes });
  return world;
}

/** Starts, and lets the time pass that this may take. */
async function start(): Promise<void> {
  const started = world.upstreams.start();
  await world.clock.advance(2000);
  await started;
}

const resolved = ['tls://192.0.2.1:853#dns.example', 'tls://[2001:db8::1]:853#dns.example'];

describe('the name of an upstream', () => {
  test('is asked of the bootstrap servers for both families; its certificate stays for the name', async () => {
    given({}).transport.scripts.set('9.9.9.9:53', knowing(60));
    await start();
    expect(world.upstreams.servers).toEqual(resolved);
    expect(world.transport.sent.map(({ type }) => type)).toEqual(['A', 'AAAA']);
  });

  test('is asked over TCP where UDP brings nothing, then of the next server', async () => {
    const servers = ['9.9.9.9:53', '149.112.112.112:53'];
    given({ bootstrap: servers }).transport.scripts.set('149.112.112.112:53', knowing(60));
    await start();
    expect(world.upstreams.servers).toEqual(resolved);
    const ways = new Set(world.transport.sent.map(({ server }) => server));
    expect([...ways]).toEqual(['9.9.9.9:53', 'tcp://9.9.9.9:53', '149.112.112.112:53']);
  });

  test('is asked again when its TTL is over, not before, and changed addresses are taken over', async () => {
    given({}).transport.scripts.set('9.9.9.9:53', knowing(120));
    await start();
    world.transport.scripts.set('9.9.9.9:53', knowing(120, '192.0.2.7'));
    await world.clock.advance(110_000);
    expect(world.transport.sent).toHaveLength(2);
    await world.clock.advance(12_000);
    expect(world.upstreams.servers).toEqual([resolved[1], 'tls://192.0.2.7:853#dns.example']);
  });

  test('is not asked more often than set, however short its TTL', async () => {
    given({}).transport.scripts.set('9.9.9.9:53', knowing(1));
    await start();
    await world.clock.advance(27_000);
    expect(world.transport.sent).toHaveLength(2);
    await world.clock.advance(3000);
    expect(world.transport.sent).toHaveLength(4);
  });

  test('keeps its last addresses while nobody can be asked', async () => {
    given({}).transport.scripts.set('9.9.9.9:53', knowing(60));
    await start();
    world.transport.scripts.clear();
    await world.clock.advance(600_000);
    expect(world.upstreams.servers).toEqual(resolved);
  });

  test('with addresses given is asked of nobody', async () => {
    const hosts = [{ name: 'dns.example', addresses: ['192.0.2.9'], pins: [] }];
    given({ hosts, servers: ['tls://dns.example else dns.example'] });
    await start();
    expect(world.upstreams.servers).toEqual(['tls://192.0.2.9:853#dns.example', '192.0.2.9:53']);
    expect(world.transport.sent).toEqual([]);
  });

  test('of a stamp is asked of the servers that the stamp names, where none are configured', async () => {
    const bootstrap = ['192.0.2.53'];
    const stamp = encodeStamp('tls', {
      address: '',
      hashes: [],
      hostName: 'dns.example',
      bootstrap,
    });
    given({ bootstrap: [], servers: [stamp] }).transport.scripts.set('192.0.2.53:53', knowing(60));
    await start();
    expect(world.upstreams.servers).toEqual(resolved);
  });

  test('that nobody knows fails queries, which say so', async () => {
    given({});
    await start();
    expect(await world.settle('www.example')).toMatchObject({
      extendedErrors: [{ code: 22, text: 'no address for dns.example' }],
    });
  });
});

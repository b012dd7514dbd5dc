import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { ask, optionsWith, queryFor, realWorld } from './fixtures.ts';

let server: ScriptedUpstream;
let world: ReturnType<typeof realWorld>;

beforeEach(async () => {
  server = await ScriptedUpstream.start();
  world = realWorld({ servers: [`tcp://${server.text}`] });
});

afterEach(async () => {
  world.upstreams.stop();
  await server.stop();
});

const askFor = (name: string) => ask(world.upstreams, queryFor(name));

describe('upstreams over TCP (RFC 7766)', () => {
  test('queries share a connection, and answers may come out of order (sections 6.2.1.1 and 7)', async () => {
    server.script = ({ name }) => ({
      answers: [addressRecord(name, '192.0.2.1')],
      delayMs: name.startsWith('slow') ? 40 : 0,
    });
    const order: string[] = [];
    await Promise.all(
      ['slow.example', 'a.example', 'b.example'].map((name) =>
        askFor(name).then((outcome) => {
          expect(outcome).toMatchObject({ kind: 'answer', detail: `tcp://${server.text}` });
          order.push(name);
        }),
      ),
    );
    expect(order).toEqual(['a.example', 'b.example', 'slow.example']);
    expect(server.connectionsAccepted).toBe(1);
    expect(new Set(server.queries.map(({ id }) => id)).size).toBe(3);
  });

  test('a response in pieces is put together', async () => {
    server.script = ({ name }) => ({
      answers: [addressRecord(name, '192.0.2.1')],
      firstOctets: 1,
      restDelayMs: 10,
    });
    expect(await askFor('www.example')).toMatchObject({ kind: 'answer' });
  });

  test('a connection that the server closed while idle is replaced', async () => {
    await askFor('a.example');
    server.closeConnections();
    expect(await askFor('b.example')).toMatchObject({ kind: 'answer' });
    expect(server.connectionsAccepted).toBe(2);
    expect(world.observer.failures).toEqual([]);
  });

  test('queries in flight on a connection that breaks are asked once more on another', async () => {
    server.script = ({ name }) => {
      if (server.connectionsAccepted === 1) {
        if (server.queries.length === 3) server.resetConnections();
        return undefined;
      }
      return { answers: [addressRecord(name, '192.0.2.1')] };
    };
    const outcomes = await Promise.all(['a.example', 'b.example', 'c.example'].map(askFor));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'answer' });
    expect(server.queries).toHaveLength(6);
    expect(server.connectionsAccepted).toBe(2);
  });

  test('a server that always closes in the middle of a message is given up after the second time', async () => {
    server.script = ({ name }) => ({
      answers: [addressRecord(name, '192.0.2.1')],
      firstOctets: 20,
      close: true,
    });
    expect(await askFor('www.example')).toMatchObject({
      kind: 'failure',
      code: 2,
      extendedErrors: [{ code: 23 }],
    });
    expect(server.connectionsAccepted).toBe(2);
    expect(world.observer.failures).toEqual([{ server: `tcp://${server.text}`, reason: 'closed' }]);
  });

  test('a message with an id that nobody waits for is counted and ignored', async () => {
    server.script = ({ name }) => [
      { answers: [addressRecord(name, '203.0.113.66')], idOffset: 1 },
      { answers: [addressRecord(name, '192.0.2.1')], delayMs: 5 },
    ];
    expect(await askFor('www.example')).toMatchObject({ kind: 'answer' });
    expect(world.observer.mismatches).toEqual([
      { server: `tcp://${server.text}`, kind: 'wrong_id' },
    ]);
  });

  test('another question in the response is counted and ignored', async () => {
    server.script = ({ name }) => [
      { question: { name: 'other.example', type: 'A' } },
      { answers: [addressRecord(name, '192.0.2.1')], delayMs: 5 },
    ];
    expect(await askFor('www.example')).toMatchObject({ kind: 'answer' });
    expect(world.observer.mismatches).toMatchObject([{ kind: 'wrong_question' }]);
  });

  test('a refused connection fails at once, with extended error 23 (RFC 8914)', async () => {
    const closed = createServer();
    closed.listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await world.upstreams.reconfigure(
      optionsWith({ servers: [`tcp://127.0.0.1:${String(port)}`] }),
    );
    const outcome = await askFor('www.example');
    expect(outcome).toMatchObject({ kind: 'failure', code: 2, extendedErrors: [{ code: 23 }] });
    expect(world.observer.failures).toMatchObject([{ reason: 'refused_connection' }]);
  });

  test('idle connections are closed after their time', async () => {
    const tcp = { connectionsMax: 4, idleTimeoutMs: 20, queriesPerConnectionMax: 100 };
    const { upstreams } = realWorld({ servers: [`tcp://${server.text}`], tcp });
    await ask(upstreams, queryFor('a.example'));
    while (server.connectionsOpen > 0) await new Promise((resolve) => setImmediate(resolve));
    await ask(upstreams, queryFor('b.example'));
    expect(server.connectionsAccepted).toBe(2);
    upstreams.stop();
  });

  test('connections and queries on them are bounded: one too many fails rather than waits', async () => {
    const tcp = { connectionsMax: 2, idleTimeoutMs: 1000, queriesPerConnectionMax: 3 };
    const { upstreams, observer } = realWorld({ servers: [`tcp://${server.text}`], tcp });
    server.script = ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1')], delayMs: 30 });
    const names = Array.from({ length: 8 }, (_, index) => `n${String(index)}.example`);
    const outcomes = await Promise.all(names.map((name) => ask(upstreams, queryFor(name))));
    expect(outcomes.filter(({ kind }) => kind === 'answer')).toHaveLength(6);
    expect(outcomes.filter(({ kind }) => kind === 'failure')).toHaveLength(2);
    expect(server.connectionsAccepted).toBe(2);
    expect(observer.failures.map(({ reason }) => reason)).toEqual(['exhausted', 'exhausted']);
    expect(upstreams.status()).toMatchObject([{ consecutiveFailures: 0, state: 'up' }]);
    upstreams.stop();
  });
});

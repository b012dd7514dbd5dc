import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseServer } from '../../src/base/server-address.ts';
import { SeededRandom } from '../../src/base/random.ts';
import type { SystemCalls } from '../../src/datagram/system-calls.ts';
import type { Exchange, ExchangeHandlers } from '../../src/upstream/exchange.ts';
import type { Outcome } from '../../src/query/outcome.ts';
import { PoolPeers } from '../../src/upstream/pool-peer.ts';
import { UdpPool } from '../../src/upstream/udp-pool.ts';
import { AlteredCalls, systemCalls } from '../datagram/altered-calls.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import type { ScriptedReply } from '../support/scripted-upstream.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { encodeQuery } from '../support/messages.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, optionsWith, queryFor, realWorld } from './fixtures.ts';

const few = { portsPerSecondMax: 1, sockets: 4, queriesPerSocketMax: 1000, socketLifetimeMs: 100 };
const networkUnreachable = 101; // ENETUNREACH

const waitUntil = (isTrue: () => boolean): Promise<true> => waitFor('datagrams', isTrue);

let upstream: ScriptedUpstream;
beforeEach(async () => {
  upstream = await ScriptedUpstream.start();
});
afterEach(() => upstream.stop());

/** A pool on time that stands still, and what its exchanges were told. */
function poolWith(options = few, calls = systemCalls()) {
  const clock = new VirtualClock();
  const strays: string[] = [];
  const pool = new UdpPool('0.0.0.0', {
    clock,
    random: new SeededRandom(5),
    calls,
    peers: new PoolPeers(calls),
    options: () => options,
    stray: (_server, kind) => strays.push(kind),
  });
  const told: string[] = [];
  const handlers: ExchangeHandlers = {
    message: (octets) => told.push(`message ${String(octets.readUInt16BE(0))}`),
    stranger: () => told.push('stranger'),
    failed: (reason) => told.push(reason),
  };
  const send = (id: number, name = 'www.example'): Exchange =>
    pool.send(parseServer(upstream.text), encodeQuery({ name, id }), handlers);
  return { pool, clock, strays, told, send };
}

function ports(): Set<number> {
  return new Set(upstream.queries.map(({ source }) => source.port));
}

/** The calls of the system, and how many sockets were open at the same time at most. */
function countingCalls(): { calls: SystemCalls; peak: () => number } {
  const real = systemCalls();
  let open = 0;
  let most = 0;
  const calls: SystemCalls = {
    ...real,
    socket: (family, type) => {
      open++;
      most = Math.max(most, open);
      return real.socket(family, type);
    },
    close: (descriptor) => {
      open--;
      return real.close(descriptor);
    },
  };
  return { calls, peak: () => most };
}

describe('source ports (RFC 5452 section 9.2)', () => {
  test('are fresh for each turn while there are few misses', async () => {
    const { pool, send } = poolWith({ ...few, portsPerSecondMax: 500 });
    for (let id = 0; id < 60; id++) {
      send(id);
      await nextTurn();
    }
    await waitUntil(() => upstream.queries.length === 60);
    expect(ports().size).toBe(60);
    pool.stop();
  });

  test('are those of few sockets when there are many, and all of these are used', async () => {
    const { pool, send } = poolWith();
    for (let id = 0; id < 200; id++) {
      send(id);
      await nextTurn();
    }
    await waitUntil(() => upstream.queries.length === 200);
    expect(ports().size).toBe(few.sockets + 1);
    pool.stop();
  });

  test('change after so many queries, and after so long', async () => {
    const { pool, clock, send } = poolWith({ ...few, sockets: 1, queriesPerSocketMax: 10 });
    for (let id = 0; id < 40; id++) send(id).close();
    await waitUntil(() => upstream.queries.length === 40);
    expect(ports().size).toBe(4);
    await clock.advance(few.socketLifetimeMs);
    expect([pool.socketsOpen, clock.timersPending]).toEqual([0, 0]);
    send(40).close();
    await waitUntil(() => upstream.queries.length === 41);
    expect(ports().size).toBe(5);
    pool.stop();
    expect(clock.timersPending).toBe(0);
  });

  test('stay open for those who wait for an answer, and take no new question', async () => {
    upstream.script = () => undefined;
    const { pool, clock, send } = poolWith({ ...few, sockets: 1 });
    const waiting = send(1);
    await clock.advance(few.socketLifetimeMs);
    expect(pool.socketsOpen).toBe(1);
    send(2);
    expect(pool.socketsOpen).toBe(2);
    waiting.close();
    expect(pool.socketsOpen).toBe(1);
    pool.stop();
    expect(pool.socketsOpen).toBe(0);
  });
});

describe('what comes to a shared socket', () => {
  test('an id is given out once in its life: a taken one is replaced by chance', async () => {
    const { pool, send, told } = poolWith({ ...few, sockets: 1 });
    send(7).close();
    send(7);
    send(7);
    await waitUntil(() => told.length === 2);
    const ids = upstream.queries.map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    expect(told.toSorted()).toEqual(
      ids
        .slice(1)
        .map((id) => `message ${String(id)}`)
        .toSorted(),
    );
    pool.stop();
  });

  test('what nobody waits for any more is ignored; an id that was never given out is counted', async () => {
    const { pool, send, told, strays } = poolWith({ ...few, sockets: 1 });
    upstream.script = ({ name }) => [
      { answers: [addressRecord(name, '192.0.2.1')] },
      { answers: [addressRecord(name, '192.0.2.1')] },
      { idOffset: 1 },
      { raw: Buffer.from([1]) },
    ];
    const first = send(7);
    send(100);
    await waitUntil(() => told.length >= 2 && strays.length >= 4);
    first.close();
    expect(strays.toSorted()).toEqual(['malformed', 'malformed', 'wrong_id', 'wrong_id']);
    expect(told).toHaveLength(4);
    pool.stop();
  });

  test('what a stranger sends is counted, with the right id or a wrong one', async () => {
    upstream.script = () => undefined;
    const { pool, send, told, strays } = poolWith({ ...few, sockets: 1 });
    send(7);
    await waitUntil(() => upstream.queries.length === 1);
    const stranger = createSocket('udp4');
    const [query] = upstream.queries;
    for (const id of [7, 8]) {
      const answer = Buffer.alloc(12);
      answer.writeUInt16BE(id, 0);
      stranger.send(answer, query?.source.port ?? 0, '127.0.0.1');
    }
    await waitUntil(() => told.length + strays.length === 2);
    expect([told, strays]).toEqual([['stranger'], ['wrong_source']]);
    const closed = once(stranger, 'close');
    stranger.close();
    await closed;
    pool.stop();
  });

  test('an answer longer than what was offered is asked for by TCP', async () => {
    upstream.script = ({ name, transport }) => ({
      answers: Array.from({ length: transport === 'udp' ? 400 : 2 }, (_, index) =>
        addressRecord(name, `192.0.2.${String(index % 250)}`),
      ),
    });
    const { upstreams } = realWorld({ servers: [upstream.text] }, systemCalls());
    const outcome = await ask(upstreams, queryFor('www.example'));
    expect(outcome.kind).toBe('answer');
    expect(upstream.queries.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
    upstreams.stop();
  });
});

describe('failures', () => {
  test('a question that cannot be sent fails at once, and those beside it go', async () => {
    const calls = new AlteredCalls();
    const { pool, send, told } = poolWith({ ...few, sockets: 1 }, calls);
    calls.sends.push(networkUnreachable);
    send(1);
    send(2);
    await waitUntil(() => told.length === 2);
    expect(told).toEqual(['network', 'message 2']);
    pool.stop();
  });

  test('without a socket an exchange fails, when `send` has returned', async () => {
    const calls = new AlteredCalls();
    calls.socket = () => -1;
    calls.errorNumber = () => 24; // EMFILE
    const { pool, send, told } = poolWith(few, calls);
    send(1);
    send(2).close();
    expect(told).toEqual([]);
    await nextTurn();
    expect(told).toEqual(['exhausted']);
    pool.stop();
  });

  test('without another socket those that are there go on', async () => {
    const calls = new AlteredCalls();
    const { pool, send, told } = poolWith({ ...few, queriesPerSocketMax: 1 }, calls);
    send(1);
    calls.socket = () => -1;
    calls.errorNumber = () => 24; // EMFILE
    await nextTurn();
    send(2);
    await waitUntil(() => told.length === 2);
    expect(told).toEqual(['message 1', 'message 2']);
    expect(pool.socketsOpen).toBe(1);
    pool.stop();
  });

  test('a port that is taken is left to whom it belongs', async () => {
    const calls = new AlteredCalls();
    let binds = 0;
    const { bind } = calls;
    calls.bind = (...parameters) => {
      binds++;
      if (binds > 8) return bind(...parameters);
      calls.errorNumber = () => 98; // EADDRINUSE
      return -1;
    };
    const { pool, send, told } = poolWith(few, calls);
    send(1);
    await waitUntil(() => told.length === 1);
    expect([binds, told]).toEqual([9, ['message 1']]);
    pool.stop();
  });
});

test('10,000 misses in flight over an upstream that hangs are all answered, by few sockets', async () => {
  const misses = 10_000;
  const patienceMs = 20_000;
  const held: (() => void)[] = [];
  upstream.script = ({ name }) => {
    const { promise, resolve } = Promise.withResolvers<ScriptedReply>();
    held.push(() => resolve({ answers: [addressRecord(name, '192.0.2.1')] }));
    return promise;
  };
  const { calls, peak } = countingCalls();
  const { health } = optionsWith({});
  const changes = {
    servers: [upstream.text],
    exchangesMax: misses,
    queryBudgetMs: patienceMs,
    tryTimeoutMinMs: patienceMs,
    tryTimeoutMaxMs: patienceMs,
    health: { ...health, failureTimeoutMs: patienceMs },
  };
  const { upstreams } = realWorld(changes, calls);
  const pending: Promise<Outcome>[] = [];
  for (let index = 0; index < misses; index++) {
    pending.push(ask(upstreams, queryFor(`n${String(index)}.example`)));
    if (index % 100 === 0) await waitUntil(() => held.length >= index);
  }
  await waitUntil(() => held.length === misses);
  expect(upstreams.exchangesInFlight).toBe(misses);
  for (const [index, release] of held.entries()) {
    release();
    if (index % 100 === 0) await nextTurn();
  }
  const outcomes = await Promise.all(pending);
  expect(outcomes.filter(({ kind }) => kind !== 'answer')).toEqual([]);
  expect(peak()).toBeLessThanOrEqual(16 + 128);
  upstreams.stop();
}, 60_000);

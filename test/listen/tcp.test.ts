import { afterEach, describe, expect, test } from '@jest/globals';
import { TcpClient, framed } from '../support/dns-clients.ts';
import { readMessage } from '../support/messages.ts';
import { waitFor } from '../support/wait-for.ts';
import { Rig, answerTo, keptAnswers, numbered } from './support.ts';
import type { RigOptions } from './support.ts';
import type { TcpListener } from '../../src/listen/tcp-listener.ts';

let rig: Rig;
let listener: TcpListener;
const clients: TcpClient[] = [];

async function start(options: RigOptions = {}): Promise<void> {
  rig = new Rig(options);
  listener = await rig.tcp();
}

async function connect(): Promise<TcpClient> {
  const open = listener.connectionCount;
  const client = await TcpClient.open(listener.address);
  clients.push(client);
  await waitFor(
    'the connection to be seen',
    () => listener.connectionCount !== open || client.isClosed || client.hasEnded,
  );
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await rig.stop();
});

function ids(messages: readonly Buffer[]): number[] {
  return messages.map((message) => message.readUInt16BE(0));
}

/** Until so many queries are on their way through the stages. */
function arrived(count: number): Promise<unknown> {
  return waitFor(`${String(count)} queries`, () => rig.stages.queries.length >= count);
}

const immediate = {
  resolve: (query: Parameters<typeof answerTo>[0]) => Promise.resolve(answerTo(query, 4)),
};

describe('messages', () => {
  test('RFC 7766 6.2.1.1: pipelined queries go on their way at once, answers come as they are ready', async () => {
    await start();
    const client = await connect();
    client.send(numbered(1), numbered(2), numbered(3));
    await arrived(3);
    for (const index of [2, 0, 1]) rig.stages.answer(index);
    await waitFor('three answers', () => client.messages.length === 3);
    expect(ids(client.messages)).toEqual([3, 1, 2]);
  });

  test('RFC 7766 8: are read in whatever pieces they come', async () => {
    await start(immediate);
    const client = await connect();
    const octets = Buffer.concat([framed(numbered(1)), framed(numbered(2))]);
    client.socket.setNoDelay(true);
    for (const octet of octets) {
      client.write(Buffer.from([octet]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor('two answers', () => client.messages.length === 2);
    expect(ids(client.messages)).toEqual([1, 2]);
  });

  test('RFC 7766 8: the length and the message go out in one write, a batch in one as well', async () => {
    await start({ kept: keptAnswers(4) });
    const client = await connect();
    const batch = Array.from({ length: 60 }, (_, index) => numbered(index));
    client.send(...batch);
    await waitFor('the answers', () => client.messages.length === 60);
    expect(ids(client.messages)).toEqual(batch.map((_, index) => index));
    // One write of the client is at most a few reads of the server, each answered by one write.
    expect(client.chunks).toBeLessThanOrEqual(5);
  });

  test('RFC 1035 4.2.2: answers of the hot path and of the stages do not mix', async () => {
    await start({ kept: keptAnswers(4) });
    const client = await connect();
    const slow = numbered(2);
    slow.writeUInt8(0x11, 2); // opcode 2: the stages are not even asked
    client.send(numbered(1), slow, numbered(3));
    await waitFor('three answers', () => client.messages.length === 3);
    const codes = client.messages
      .map((message) => readMessage(message))
      .map(({ id, code }) => `${String(id)}: ${String(code)}`);
    expect(new Set(codes)).toEqual(new Set(['1: 0', '2: 4', '3: 0']));
  });

  test('RFC 1035 4.2.2: an answer of 65,535 octets passes', async () => {
    await start();
    const client = await connect();
    client.send(numbered(1));
    await arrived(1);
    rig.stages.answer(0, 65_535 - numbered(1).length - 12);
    expect(await client.next()).toHaveLength(65_535);
  });

  test('RFC 1035 4.2.2: messages without a header are passed over', async () => {
    await start(immediate);
    const client = await connect();
    client.write(Buffer.from([0, 0, 0, 1, 0x2a, 0, 0]));
    expect((await client.ask(numbered(9))).readUInt16BE(0)).toBe(9);
    expect(rig.observer.of('dropped runt')).toBe(3);
  });

  test('RFC 1035 4.1.1: responses are not answered, and the connection goes on', async () => {
    await start(immediate);
    const client = await connect();
    const response = numbered(1);
    response.writeUInt8(0x81, 2);
    client.send(response, numbered(2));
    expect((await client.next()).readUInt16BE(0)).toBe(2);
    expect(client.messages).toHaveLength(1);
  });
});

describe('time', () => {
  test('RFC 7766 6.2.3: a connection without queries is closed after the idle time', async () => {
    await start(immediate);
    const client = await connect();
    await rig.clock.advance(8000);
    await client.ask(numbered(1));
    await rig.clock.advance(9400);
    expect(listener.connectionCount).toBe(1);
    await rig.clock.advance(1100);
    await client.closed();
    expect(listener.connectionCount).toBe(0);
  });

  test('RFC 7766 10: half a message does not keep a connection open', async () => {
    await start(immediate);
    const client = await connect();
    const octets = framed(numbered(1));
    for (let sent = 0; sent < 10; sent++) {
      client.write(octets.subarray(sent, sent + 1));
      await rig.clock.advance(1000);
    }
    await rig.clock.advance(600);
    await client.closed();
    expect(client.messages).toEqual([]);
  });

  test('RFC 7766 10: nor does a length with nothing behind it', async () => {
    await start(immediate);
    const client = await connect();
    client.write(Buffer.from([0xff, 0xff]));
    await rig.clock.advance(10_600);
    await client.closed();
  });

  test('RFC 7766 6.2.3: a connection whose query is on its way is not idle', async () => {
    await start();
    const client = await connect();
    client.send(numbered(1));
    await arrived(1);
    await rig.clock.advance(60_000);
    rig.stages.answer(0);
    expect((await client.next()).readUInt16BE(0)).toBe(1);
  });
});

describe('limits', () => {
  test('RFC 7766 6.2.2: connections of one client', async () => {
    await start({ ...immediate, tcp: { connectionsPerClientMax: 2 } });
    const first = await connect();
    await connect();
    const third = await connect();
    await third.closed();
    expect(rig.observer.of('refused client_limit')).toBe(1);
    first.close();
    await waitFor('room', () => listener.connectionCount === 1);
    const fourth = await connect();
    expect((await fourth.ask(numbered(4))).readUInt16BE(0)).toBe(4);
  });

  test('RFC 7766 6.2.3: connections in all; the one that is idle longest makes room', async () => {
    await start({ tcp: { connectionsMax: 2 } });
    const busy = await connect();
    busy.send(numbered(1));
    await arrived(1);
    await rig.clock.advance(1000);
    const idle = await connect();
    await rig.clock.advance(1000);
    const late = await TcpClient.open(listener.address);
    clients.push(late);
    await idle.closed();
    late.send(numbered(2));
    await arrived(2);
    const refused = await TcpClient.open(listener.address);
    clients.push(refused);
    await refused.closed();
    expect(rig.observer.of('refused limit')).toBe(1);
    rig.stages.answer(0);
    rig.stages.answer(1);
    expect((await busy.next()).readUInt16BE(0)).toBe(1);
    expect((await late.next()).readUInt16BE(0)).toBe(2);
  });

  test('RFC 7766 10: queries in flight on one connection; the rest waits and is answered', async () => {
    await start({ tcp: { queriesPerConnectionMax: 3 } });
    const client = await connect();
    client.send(...Array.from({ length: 8 }, (_, index) => numbered(index)));
    await arrived(3);
    await rig.clock.settle();
    expect(rig.stages.queries).toHaveLength(3);
    for (let index = 0; index < 8; index++) {
      await arrived(index + 1);
      rig.stages.answer(index);
    }
    await waitFor('eight answers', () => client.messages.length === 8);
    expect(ids(client.messages)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('too many queries in flight in all: SERVFAIL for the oldest, with the reason', async () => {
    await start({ responder: { queriesInFlightMax: 2 } });
    const client = await connect();
    client.send(numbered(1), numbered(2), numbered(3));
    const shed = readMessage(await client.next());
    expect(shed).toMatchObject({ id: 1, code: 2 });
    expect(rig.observer.of('shed in_flight')).toBe(1);
    rig.stages.answer(1);
    await client.next();
    client.send(numbered(4));
    await arrived(4);
  });
});

describe('a client that does not read', () => {
  const large = keptAnswers(4000);
  const ask = 400;

  test('RFC 7766 10: is no longer read from, and costs no more than its buffer', async () => {
    await start({ kept: large, tcp: { writeBufferBytesMax: 64 * 1024 + 2 } });
    const client = await connect();
    client.socket.pause();
    // Without end, were it answered without end: kernel buffers hold some megabytes.
    for (let round = 0; round < 60; round++) {
      client.send(...Array.from({ length: ask }, (_, index) => numbered(index)));
    }
    const octets = 60 * ask * 4000;
    await waitFor('the server to stop', async () => {
      const before = rig.dependencies.hotPath.hits;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return rig.dependencies.hotPath.hits === before && before > 0;
    });
    expect(rig.dependencies.hotPath.hits * 4000).toBeLessThan(octets / 3);
  });

  test('RFC 7766 6.2.1.1: gets every answer once it reads again', async () => {
    await start({ kept: large, tcp: { writeBufferBytesMax: 64 * 1024 + 2 } });
    const client = await connect();
    client.socket.pause();
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      client.send(...Array.from({ length: ask }, (_, index) => numbered(index)));
    }
    await waitFor('the server to begin', () => rig.dependencies.hotPath.hits > ask);
    client.socket.resume();
    await waitFor('every answer', () => client.messages.length === rounds * ask);
    expect(ids(client.messages)).toEqual(
      Array.from({ length: rounds }, () => Array.from({ length: ask }, (_, index) => index)).flat(),
    );
  });

  test('RFC 7766 10: is cut off after the idle time', async () => {
    await start({ kept: large, tcp: { writeBufferBytesMax: 64 * 1024 + 2 } });
    const client = await connect();
    client.socket.pause();
    for (let round = 0; round < 60; round++) {
      client.send(...Array.from({ length: ask }, (_, index) => numbered(index)));
    }
    await waitFor('the server to begin', () => rig.dependencies.hotPath.hits > ask);
    await waitFor('the connection to be cut', async () => {
      await rig.clock.advance(1000);
      return listener.connectionCount === 0;
    });
  });

  test('is cut off when answers of the stages pass its buffer', async () => {
    await start({ tcp: { writeBufferBytesMax: 64 * 1024 + 2, queriesPerConnectionMax: 1000 } });
    const client = await connect();
    client.socket.pause();
    client.send(...Array.from({ length: 300 }, (_, index) => numbered(index)));
    await arrived(300);
    for (let index = 0; index < 300; index++) rig.stages.answer(index, 60_000);
    await waitFor('the connection to be cut', () => listener.connectionCount === 0);
    expect(rig.observer.of('dropped slow_reader')).toBeGreaterThan(0);
  });
});

describe('the end of a connection', () => {
  test('RFC 7766 6.2.4: who sends no more still gets the answers to what was asked', async () => {
    await start();
    const client = await connect();
    client.send(numbered(1), numbered(2));
    client.socket.end();
    await arrived(2);
    rig.stages.answer(1);
    expect((await client.next()).readUInt16BE(0)).toBe(2);
    expect(client.hasEnded).toBe(false);
    rig.stages.answer(0);
    expect((await client.next()).readUInt16BE(0)).toBe(1);
    await client.closed();
    await waitFor('the connection to be forgotten', () => listener.connectionCount === 0);
  });

  test('RFC 7766 6.2.4: more than may be in flight is answered as well', async () => {
    await start({ tcp: { queriesPerConnectionMax: 2 } });
    const client = await connect();
    client.send(...[0, 1, 2, 3, 4].map((id) => numbered(id)));
    client.socket.end();
    for (let index = 0; index < 5; index++) {
      await arrived(index + 1);
      rig.stages.answer(index);
    }
    await waitFor('five answers', () => client.messages.length === 5);
    await client.closed();
  });

  test('a reset with queries in flight leaves nothing behind', async () => {
    await start();
    const client = await connect();
    client.send(numbered(1));
    await arrived(1);
    client.socket.resetAndDestroy();
    await waitFor('the connection to be forgotten', () => listener.connectionCount === 0);
    rig.stages.answer(0);
    await rig.clock.settle();
    expect(rig.responder.inFlight).toBe(0);
  });

  test('RFC 7766 6.2.4: on draining, connections end when their queries are answered, new ones are refused', async () => {
    await start();
    const busy = await connect();
    const idle = await connect();
    const { address } = listener;
    busy.send(numbered(1));
    await arrived(1);
    listener.drain();
    await idle.closed();
    expect(busy.hasEnded).toBe(false);
    await expect(TcpClient.open(address)).rejects.toThrow();
    rig.stages.answer(0);
    expect((await busy.next()).readUInt16BE(0)).toBe(1);
    await busy.closed();
  });
});

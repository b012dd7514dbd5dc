import { Socket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { UdpListener } from '../../src/listen/udp-listener.ts';
import { UdpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { waitFor } from '../support/wait-for.ts';
import { Rig, answerTo, keptAnswers, numbered, udpTransports } from './support.ts';
import type { RigOptions, UdpTransportName } from './support.ts';

let transport: UdpTransportName;
let rig: Rig;
let listener: UdpListener;
let client: UdpClient;

async function start(options: RigOptions = {}): Promise<void> {
  rig = new Rig(options);
  listener = await rig.udp(transport);
  client = new UdpClient(listener.address);
}

afterEach(async () => {
  jest.restoreAllMocks();
  await client.close();
  await rig.stop();
});

const immediate: RigOptions = { resolve: (query) => Promise.resolve(answerTo(query, 4)) };

/** An answer with so much data that it has this many octets altogether. */
function answeringWith(octets: number): RigOptions {
  return {
    resolve: (query) => Promise.resolve(answerTo(query, octets - 24 - query.asked.length)),
  };
}

/** For a type of which the decoder of the tests knows no length. */
function withSize(size?: number): Buffer {
  return encodeQuery({
    name: 'q.example',
    type: 731,
    ...(size === undefined ? {} : { edns: { size } }),
  });
}

describe.each(udpTransports)('over %s sockets', (name) => {
  beforeEach(() => {
    transport = name;
  });

  describe('the size of an answer', () => {
    test.each([
      [512, undefined, 'qr rd ra'],
      [513, undefined, 'qr tc rd ra'],
      [512 - 11, 100, 'qr rd ra'], // an OPT record has 11 octets
      [512 - 10, 100, 'qr tc rd ra'],
      [700 - 11, 700, 'qr rd ra'],
      [700 - 10, 700, 'qr tc rd ra'],
      [1232 - 11, 4096, 'qr rd ra'],
      [1232 - 10, 4096, 'qr tc rd ra'],
    ])('RFC 6891 6.2.3, 9715: of %i octets to a client of %s: %s', async (octets, size, flags) => {
      await start(answeringWith(octets));
      const query = withSize(size);
      const response = await client.ask(query);
      expect(readMessage(response).flags).toBe(flags);
      const whole = octets + (size === undefined ? 0 : 11);
      expect(response).toHaveLength(flags.includes('tc') ? query.length : whole);
    });

    test('RFC 6891 6.2.3: the server maximum can be raised', async () => {
      await start({ ...answeringWith(3000), responder: { udpResponseBytesMax: 4096 } });
      expect(await client.ask(withSize(4096))).toHaveLength(3011);
      expect(readMessage(await client.ask(withSize(3000))).flags).toBe('qr tc rd ra');
    });
  });

  describe('datagrams', () => {
    test('RFC 1035 4.1.1: what is no query is passed over, and the socket goes on', async () => {
      await start(immediate);
      const response = numbered(2);
      response.writeUInt8(0x81, 2);
      const junk = [Buffer.alloc(0), Buffer.alloc(11), response, Buffer.alloc(60_000, 0xff)];
      for (const octets of junk) client.send(octets);
      expect((await client.ask(numbered(1))).readUInt16BE(0)).toBe(1);
      expect(client.received).toHaveLength(1);
      expect(rig.observer.of('dropped runt')).toBe(2);
      expect(rig.observer.of('dropped response')).toBe(2);
    });

    test('a thousand answers under way do not overwrite each other', async () => {
      await start({ kept: keptAnswers(40) });
      const count = 1000;
      for (let sent = 0; sent < count; sent += 100) {
        for (let id = sent; id < sent + 100; id++) client.send(numbered(id));
        await waitFor('a hundred answers', () => client.received.length === sent + 100);
      }
      const questions = client.received.map((wire) => {
        const { id, question } = readMessage(wire);
        return `${String(id)} ${question ?? ''}`;
      });
      expect(new Set(questions)).toEqual(
        new Set(
          Array.from({ length: count }, (_, id) => `${String(id)} q${String(id)}.example A IN`),
        ),
      );
    });

    test('equal queries of two clients go back to each', async () => {
      await start();
      const other = new UdpClient(listener.address);
      client.send(numbered(1));
      other.send(numbered(1));
      await waitFor('both', () => rig.stages.queries.length === 2);
      rig.stages.answer(1);
      rig.stages.answer(0);
      await client.next();
      await other.next();
      expect([client.received.length, other.received.length]).toEqual([1, 1]);
      await other.close();
    });

    test('of too many queries in flight the oldest gets SERVFAIL with the reason', async () => {
      await start({ responder: { queriesInFlightMax: 2 } });
      client.send(encodeQuery({ name: 'one.example', id: 1, edns: {} }));
      client.send(numbered(2));
      await waitFor('both', () => rig.stages.queries.length === 2);
      client.send(numbered(3));
      const shed = readMessage(await client.next());
      expect(shed).toMatchObject({ id: 1, code: 2, question: 'one.example A IN' });
      expect(shed.extendedErrors).toEqual(['0 too many queries in flight']);
      expect(rig.observer.of('shed in_flight')).toBe(1);
      rig.stages.answer(1);
      expect((await client.next()).readUInt16BE(0)).toBe(2);
      client.send(numbered(4));
      await waitFor('the fourth', () => rig.stages.queries.length === 4);
    });

    test('an answer that is ready after the socket was closed goes nowhere', async () => {
      await start();
      client.send(numbered(1));
      await waitFor('the query', () => rig.stages.queries.length === 1);
      await listener.close();
      rig.stages.answer(0);
      await rig.clock.settle();
      expect(rig.observer.of('dropped closed')).toBe(1);
      rig = new Rig();
    });
  });
});

describe('over dgram sockets', () => {
  test('RFC 768: one from port 0 cannot be answered', async () => {
    const bind = jest.spyOn(Socket.prototype, 'bind');
    transport = 'dgram';
    await start(immediate);
    const [socket] = bind.mock.contexts as Socket[];
    socket?.emit('message', numbered(1), {
      address: '127.0.0.1',
      port: 0,
      family: 'IPv4',
      size: 1,
    });
    expect((await client.ask(numbered(2))).readUInt16BE(0)).toBe(2);
    expect(rig.observer.of('dropped port_zero')).toBe(1);
    expect(rig.observer.of('dropped send_error')).toBe(0);
  });
});

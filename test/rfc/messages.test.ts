import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UdpClient, askTcp, askUdp } from '../support/dns-clients.ts';
import {
  encodeQuery,
  headerLength,
  rawResponse,
  readMessage,
  withId,
  wireName,
} from '../support/messages.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** What comes back before the answer to a good query sent behind it: nothing, when all is well. */
async function answersTo(...octets: readonly Buffer[]): Promise<Buffer[]> {
  const client = new UdpClient(world.replica.address);
  for (const message of octets) client.send(message);
  const good = encodeQuery({ name: 'good.example', id: 0xfffe });
  for (;;) {
    const answer = client.received.length === 0 ? await client.ask(good) : await client.next();
    if (answer.readUInt16BE(0) === 0xfffe) break;
  }
  await client.close();
  return client.received.filter((answer) => answer.readUInt16BE(0) !== 0xfffe);
}

/** A query with this in place of its question, and so many questions. */
function queryWith(question: Buffer, questions = 1): Buffer {
  const wire = Buffer.concat([encodeQuery({ name: '' }).subarray(0, headerLength), question]);
  wire.writeUInt16BE(questions, 4);
  return wire;
}

const typeAndClass = Buffer.from([0, 1, 0, 1]);

describe('a response', () => {
  test('RFC 1035 4.1.1: copies id, RD and the question, sets QR and RA', async () => {
    const response = await world.replica.askBothWays({ name: 'www.example', id: 0xbeef });
    expect(response).toMatchObject({ id: 0xbeef, code: 0, flags: 'qr rd ra' });
    expect(response.question).toBe('www.example A IN');
    expect(response.answers).toEqual(['www.example 300 A 192.0.2.1']);
  });

  test('RFC 1035 2.3.3, RFC 4343: matches in any case and keeps the case of the client', async () => {
    await world.replica.ask({ name: 'case.example' });
    const asked = world.upstream.queries.length;
    const response = await world.replica.askBothWays({ name: 'CaSe.eXaMpLe' });
    expect(response.question).toBe('CaSe.eXaMpLe A IN');
    expect(response.answers).toEqual(['CaSe.eXaMpLe 300 A 192.0.2.1']);
    expect(world.upstream.queries).toHaveLength(asked);
  });

  test('RFC 1035 4.1.1: leaves the reserved bit of a query alone', async () => {
    const query = encodeQuery({ name: 'zbit.example' });
    query[3] = 0x40;
    expect(readMessage(await askUdp(world.replica.address, query)).flags).toBe('qr rd ra');
  });

  test('RFC 1035 4.2.1, 4.2.2: is the same over UDP and TCP', async () => {
    const query = encodeQuery({ name: 'both.example' });
    const overUdp = await askUdp(world.replica.address, query);
    expect(await askTcp(world.replica.address, query)).toEqual(overUdp);
  });
});

describe('what is no query', () => {
  test('RFC 1035 4.1.1: a response is never answered, not even one that asks', async () => {
    const response = encodeQuery({ name: 'good.example' });
    response[2] = 0x81;
    const answer = await askUdp(world.replica.address, encodeQuery({ name: 'good.example' }));
    expect(await answersTo(response, answer, withId(answer, 7))).toEqual([]);
  });

  test('RFC 1035 4.1.1: octets without a whole header are never answered', async () => {
    const runts = [0, 1, 2, 11].map((length) => Buffer.alloc(length, 1));
    expect(await answersTo(...runts)).toEqual([]);
  });

  test.each([1, 2, 4, 5, 6, 15])(
    'RFC 1035 4.1.1: opcode %i gets NOTIMP, and says which opcode it was',
    async (opcode) => {
      const query = encodeQuery({ name: 'opcode.example', opcode, edns: {} });
      const response = readMessage(await askUdp(world.replica.address, query));
      expect(response).toMatchObject({ code: 4, question: 'opcode.example A IN' });
      expect((response.wire.readUInt8(2) >> 3) & 0x0f).toBe(opcode);
      expect(response.extendedErrors).toEqual(['21 only queries are served']);
    },
  );
});

describe('a malformed query gets FORMERR, and nothing malformed comes back', () => {
  const cases: readonly (readonly [string, Buffer])[] = [
    ['RFC 1035 4.1.4: a name that points to itself', Buffer.from([0xc0, 12, 0, 1, 0, 1])],
    [
      'RFC 1035 4.1.4: a name that points forward',
      Buffer.concat([Buffer.from([0xc0, 18, 0, 1, 0, 1]), wireName('a.example')]),
    ],
    ['RFC 1035 4.1.4: a label of a reserved kind', Buffer.from([0x40, 1, 2, 0, 0, 1, 0, 1])],
    [
      'RFC 1035 2.3.4: a label of 64 octets',
      Buffer.concat([Buffer.from([64]), Buffer.alloc(64, 0x61), Buffer.from([0]), typeAndClass]),
    ],
    [
      'RFC 1035 2.3.4: a name of 256 octets',
      Buffer.concat([wireName(`${'a'.repeat(62)}.`.repeat(4) + 'abc'.slice(0, 2)), typeAndClass]),
    ],
    ['RFC 1035 4.1.2: a question that ends within its name', Buffer.from([5, 0x61, 0x62])],
    ['RFC 1035 4.1.2: a question without class', Buffer.from([1, 0x61, 0, 0, 1])],
  ];

  test.each(cases)('%s', async (_what, question) => {
    const response = readMessage(await askUdp(world.replica.address, queryWith(question)));
    expect(response).toMatchObject({ code: 1, flags: 'qr rd ra', question: undefined });
    expect(response.wire).toHaveLength(headerLength);
  });

  test('RFC 1035 4.1.3: a record that ends behind the message', async () => {
    const query = encodeQuery({ name: 'cut.example' });
    query.writeUInt16BE(1, 6);
    const response = readMessage(await askUdp(world.replica.address, query));
    expect(response).toMatchObject({ code: 1, question: 'cut.example A IN' });
  });

  test.each([0, 2, 65_535])('RFC 9619 4: a query with %i questions', async (questions) => {
    const one = Buffer.concat([wireName('a.example'), typeAndClass]);
    const query = queryWith(Buffer.concat([one, one]), questions);
    const response = readMessage(await askUdp(world.replica.address, query));
    expect(response).toMatchObject({ code: 1, id: 0x1234, question: undefined });
  });
});

describe('the largest and the smallest names', () => {
  test('RFC 1035 2.3.4: labels of 63 octets and a name of 255 octets pass', async () => {
    const name = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
    expect(wireName(name)).toHaveLength(255);
    const response = await world.replica.askBothWays({ name, edns: {} });
    expect(response.answers).toEqual([`${name} 300 A 192.0.2.1`]);
  });

  test('RFC 1034 3.1: the root is a name like any other', async () => {
    world.upstream.script = () => ({
      answers: [{ type: 'NS', name: '.', ttl: 9, data: 'a.test' }],
    });
    const response = await world.replica.askBothWays({ name: '', type: 'NS' });
    expect(response.answers).toEqual(['. 9 NS a.test']);
  });

  test('RFC 2181 11: a label may hold any octet', async () => {
    world.upstream.script = ({ wire }) => ({
      raw: rawResponse(wire, [{ type: 1, rdata: Buffer.from([192, 0, 2, 9]) }]),
    });
    const name = '*_ \u0001é!.example';
    const wire = encodeQuery({ name });
    const first = await askUdp(world.replica.address, wire);
    const [hot, staged] = await world.replica.askCached(wire);
    expect([hot, staged]).toEqual([first, first]);
    expect(first.readUInt16BE(6)).toBe(1);
  });
});

describe('questions that a forwarder refuses', () => {
  test.each([
    [3, 'CH'],
    [4, 'HS'],
    [255, 'ANY'],
    [2, 'unassigned'],
  ])('RFC 1035 3.2.4: class %i (%s) gets REFUSED with the reason', async (number) => {
    const asked = world.upstream.queries.length;
    const response = await world.replica.ask({ name: 'version.bind', class: number, edns: {} });
    expect(response.code).toBe(5);
    expect(response.extendedErrors).toEqual(['21 only class IN is served']);
    expect(world.upstream.queries).toHaveLength(asked);
  });

  test.each(['AXFR', 'IXFR', 'MAILB'] as const)(
    'RFC 5936 2.2.1, RFC 1995, RFC 8482: %s gets REFUSED over UDP and TCP',
    async (type) => {
      const asked = world.upstream.queries.length;
      for (const response of [
        await world.replica.ask({ name: 'zone.example', type, edns: {} }),
        await world.replica.askTcp({ name: 'zone.example', type, edns: {} }),
      ]) {
        expect(response).toMatchObject({ code: 5, answers: [] });
        expect(response.extendedErrors).toEqual([`21 ${type} is not served`]);
      }
      expect(world.upstream.queries).toHaveLength(asked);
    },
  );

  test('RFC 1034 4.3.1: without RD nothing is forwarded, and nothing told of the cache', async () => {
    await world.replica.ask({ name: 'kept.example' });
    const asked = world.upstream.queries.length;
    for (const name of ['kept.example', 'new.example']) {
      const response = await world.replica.ask({ name, recursionDesired: false, edns: {} });
      expect(response).toMatchObject({ code: 5, flags: 'qr ra', answers: [] });
      expect(response.extendedErrors).toEqual(['20 recursion was not asked for']);
    }
    expect(world.upstream.queries).toHaveLength(asked);
  });

  test.each([
    ['NXNAME', 128],
    ['OPT', 41],
    ['type 0', 0],
  ])('RFC 9824 3.5, RFC 6895 3.1: a question for %s gets FORMERR and 30', async (_name, type) => {
    const response = await world.replica.ask({ name: 'nx.example', type, edns: {} });
    expect(response.code).toBe(1);
    expect(response.extendedErrors).toEqual(['30']);
  });
});

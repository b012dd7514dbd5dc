import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { askTcp, askUdp } from '../support/dns-clients.ts';
import { encodeQuery, headerLength, optRecord, readMessage } from '../support/messages.ts';
import type { ReadMessage } from '../support/messages.ts';
import { addressRecord, answerAll } from '../support/scripted-upstream.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

const option = { clientSubnet: 8, keepalive: 11, padding: 12, extendedError: 15 };

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());
beforeEach(() => {
  world.upstream.script = answerAll;
  world.resetQueries();
});

async function send(query: Buffer): Promise<ReadMessage> {
  return readMessage(await askUdp(world.replica.address, query));
}

/** A query with these records behind its question. */
function queryWithRecords(name: string, counts: readonly number[], records: Buffer): Buffer {
  const wire = Buffer.concat([encodeQuery({ name }), records]);
  counts.forEach((count, index) => wire.writeUInt16BE(count, 6 + index * 2));
  return wire;
}

/** As many addresses as make an answer of about this size. */
function answerOf(octets: number): void {
  const count = Math.ceil((octets - 40) / 16);
  world.upstream.script = ({ name }) => ({
    answers: Array.from({ length: count }, (_, index) =>
      addressRecord(name, `10.0.${String(index >> 8)}.${String(index & 255)}`),
    ),
  });
}

describe('the OPT record', () => {
  test('RFC 6891 6.1.1: comes back if and only if it was there', async () => {
    const edns = await world.replica.askBothWays({ name: 'opt.example', edns: {} });
    expect(edns.opt).toEqual({ size: 1232, version: 0, dnssecOk: false });
    expect(edns.options).toEqual([]);
    const plain = await world.replica.askBothWays({ name: 'opt.example' });
    expect(plain).toMatchObject({ opt: undefined, additionals: [] });
    expect(world.upstream.queries).toHaveLength(1);
  });

  test('RFC 6891 6.1.1: comes back with errors as well', async () => {
    for (const parts of [
      { name: 'opt.example', class: 3, edns: {} },
      { name: 'opt.example', opcode: 4, edns: {} },
      { name: 'opt.example', recursionDesired: false, edns: {} },
    ]) {
      expect((await world.replica.ask(parts)).opt?.version).toBe(0);
    }
  });

  test('RFC 3225 3: DO is copied to the response', async () => {
    const response = await world.replica.askBothWays({
      name: 'do.example',
      edns: { dnssecOk: true },
    });
    expect(response.opt?.dnssecOk).toBe(true);
  });

  test('RFC 6891 6.1.1: two of them get FORMERR', async () => {
    const query = queryWithRecords(
      'two.example',
      [0, 0, 2],
      Buffer.concat([optRecord({}), optRecord({})]),
    );
    expect(await send(query)).toMatchObject({ code: 1, opt: undefined });
  });

  test('RFC 6891 6.1.1: one outside of the additional section gets FORMERR', async () => {
    expect((await send(queryWithRecords('an.example', [1, 0, 0], optRecord({})))).code).toBe(1);
    expect((await send(queryWithRecords('ns.example', [0, 1, 0], optRecord({})))).code).toBe(1);
  });

  test('RFC 6891 6.1.2: one that is not at the root gets FORMERR', async () => {
    const opt = Buffer.concat([Buffer.from([1, 0x61]), optRecord({})]);
    expect((await send(queryWithRecords('owner.example', [0, 0, 1], opt))).code).toBe(1);
  });

  test('RFC 6891 6.1.2: an option that overruns it gets FORMERR', async () => {
    const opt = optRecord({ options: [{ code: 65_001, data: 'abcd' }] });
    opt.writeUInt16BE(5, opt.length - 6);
    expect((await send(queryWithRecords('overrun.example', [0, 0, 1], opt))).code).toBe(1);
    const tail = optRecord({ options: [{ code: 65_001 }] });
    tail.writeUInt16BE(3, tail.length - 6);
    const cut = tail.subarray(0, tail.length - 1);
    expect((await send(queryWithRecords('tail.example', [0, 0, 1], cut))).code).toBe(1);
  });

  test.each([1, 2, 255])(
    'RFC 6891 6.1.3: version %i gets BADVERS in version 0',
    async (version) => {
      const response = await world.replica.ask({ name: 'vers.example', edns: { version } });
      expect(response).toMatchObject({ code: 16, answers: [], question: 'vers.example A IN' });
      expect(response.opt?.version).toBe(0);
      expect(world.upstream.queries).toHaveLength(0);
    },
  );

  test('RFC 6891 6.1.2: options that nobody knows are ignored, and not passed on', async () => {
    const options = [
      { code: 65_001, data: 'anything' },
      { code: 3 },
      { code: option.padding, data: Buffer.alloc(64) },
      { code: option.extendedError, data: Buffer.from([0, 1]) },
    ];
    const response = await world.replica.askBothWays({
      name: 'ignored.example',
      edns: { options },
    });
    expect(response).toMatchObject({ code: 0, options: [] });
    expect(world.upstream.queries[0]?.edns?.options).toEqual([]);
  });

  test('RFC 6891 6.2.1, 7: nothing of the OPT record of the upstream reaches a client', async () => {
    world.upstream.script = ({ name }) => ({
      answers: [addressRecord(name, '192.0.2.1')],
      edns: [{ code: 65_002, data: Buffer.from('hop by hop') }],
    });
    const response = await world.replica.askBothWays({ name: 'hop.example', edns: {} });
    expect(response.options).toEqual([]);
  });
});

describe('the size of answers over UDP', () => {
  test('RFC 1035 4.2.1: 512 octets without EDNS, else TC with nothing but the question', async () => {
    answerOf(500);
    const fits = await world.replica.askBothWays({ name: 'fits.example' });
    expect(fits.flags).toBe('qr rd ra');
    expect(fits.wire.length).toBeLessThanOrEqual(512);
    answerOf(530);
    const query = encodeQuery({ name: 'long.example' });
    const response = await send(query);
    expect(response).toMatchObject({ flags: 'qr tc rd ra', code: 0, answers: [], opt: undefined });
    expect(response.wire).toHaveLength(query.length);
    expect(await send(query)).toEqual(response);
    const whole = readMessage(await askTcp(world.replica.address, query));
    expect(whole.answers).toHaveLength(31);
  });

  test.each([0, 1, 511, 512])('RFC 6891 6.2.3: an EDNS size of %i is one of 512', async (size) => {
    answerOf(490);
    const fits = await world.replica.ask({ name: `s${String(size)}.example`, edns: { size } });
    expect(fits.flags).toBe('qr rd ra');
    answerOf(520);
    const long = await world.replica.ask({ name: `l${String(size)}.example`, edns: { size } });
    expect(long.flags).toBe('qr tc rd ra');
  });

  test('RFC 6891 7: a truncated answer is header, question and OPT', async () => {
    answerOf(1300);
    const query = encodeQuery({ name: 'cut.example', edns: { size: 4096, dnssecOk: true } });
    const response = await send(query);
    expect(response).toMatchObject({ flags: 'qr tc rd ra', answers: [], authorities: [] });
    expect(response.opt).toEqual({ size: 1232, version: 0, dnssecOk: true });
    expect(response.wire).toHaveLength(query.length);
  });

  test('RFC 9715 3.2: never more than 1,232 octets, whatever the client offers', async () => {
    answerOf(1240);
    const query = { name: 'most.example', edns: { size: 65_535 } };
    expect((await world.replica.ask(query)).flags).toBe('qr tc rd ra');
    answerOf(1200);
    const response = await world.replica.askBothWays({ ...query, name: 'more.example' });
    expect(response.flags).toBe('qr rd ra');
    expect(response.wire.length).toBeGreaterThan(1180);
  });

  test('RFC 6891 6.2.4: the size of the client bounds the answer to the octet, by both ways', async () => {
    answerOf(800);
    const whole = await world.replica.ask({ name: 'exact.example', edns: { size: 1232 } });
    const { length } = whole.wire;
    expect(length).toBeGreaterThan(512);
    const exact = await world.replica.askBothWays({
      name: 'exact.example',
      edns: { size: length },
    });
    expect(exact.wire).toHaveLength(length);
    const short = encodeQuery({ name: 'exact.example', edns: { size: length - 1 } });
    expect((await send(short)).flags).toBe('qr tc rd ra');
  });

  test('RFC 9715 3.1: upstreams are offered 1,232 octets', async () => {
    await world.replica.ask({ name: 'offer.example', edns: { size: 4096 } });
    expect(world.upstream.queries[0]?.edns?.udpSize).toBe(1232);
  });
});

describe('the keepalive option', () => {
  const edns = { options: [{ code: option.keepalive }] };

  test('RFC 7828 3.2.1: is ignored over UDP', async () => {
    expect((await world.replica.ask({ name: 'alive.example', edns })).options).toEqual([]);
  });

  test('RFC 7828 3.3.2: tells the idle time over TCP in units of 100 ms, to who asks', async () => {
    const { options } = await world.replica.askTcp({ name: 'alive.example', edns });
    expect(options).toEqual([{ code: option.keepalive, data: Buffer.from([0, 100]) }]);
    expect((await world.replica.askTcp({ name: 'alive.example', edns: {} })).options).toEqual([]);
  });

  test('RFC 7828 3.3.2: is sent once, however often it was there', async () => {
    const twice = { options: [...edns.options, ...edns.options] };
    const { options } = await world.replica.askTcp({ name: 'alive.example', edns: twice });
    expect(options).toHaveLength(1);
  });
});

describe('the client subnet option', () => {
  const subnet = (...octets: readonly number[]) => ({
    options: [{ code: option.clientSubnet, data: Buffer.from(octets) }],
  });

  test.each([
    ['a family that nobody knows', subnet(0, 3, 24, 0, 192, 0, 2)],
    ['more bits than its family has', subnet(0, 1, 33, 0, 192, 0, 2, 0, 0)],
    ['an address shorter than its prefix', subnet(0, 1, 24, 0, 192, 0)],
    ['an address longer than its prefix', subnet(0, 1, 24, 0, 192, 0, 2, 0)],
    ['a scope in a query', subnet(0, 1, 24, 24, 192, 0, 2)],
    ['less than its fixed part', subnet(0, 1)],
  ])('RFC 7871 7.1.2: with %s gets FORMERR', async (_what, edns) => {
    expect((await world.replica.ask({ name: 'subnet.example', edns })).code).toBe(1);
  });

  test.each([
    ['IPv4', subnet(0, 1, 24, 0, 192, 0, 2)],
    ['IPv6', subnet(0, 2, 32, 0, 0x20, 0x01, 0x0d, 0xb8)],
    ['a source prefix of 0, which asks for privacy', subnet(0, 1, 0, 0)],
    ['no family and no prefix, as dig +subnet=0 has it', subnet(0, 0, 0, 0)],
  ])(
    'RFC 7871 7.1.2, 7.2.2: with %s is taken, and goes neither on nor back',
    async (_what, edns) => {
      const response = await world.replica.ask({ name: 'taken.example', edns });
      expect(response).toMatchObject({ code: 0, options: [] });
      expect(world.upstream.queries.flatMap((query) => query.edns?.options)).toEqual([]);
    },
  );
});

test('RFC 6891 6.1.3: an error that is not in the header needs an OPT record to be told', async () => {
  const wire = encodeQuery({ name: 'vers.example', edns: { version: 1 } });
  const response = await askUdp(world.replica.address, wire);
  expect(response.readUInt8(3) & 0x0f).toBe(0);
  expect(response.subarray(headerLength, wire.length - 11)).toEqual(
    wire.subarray(12, wire.length - 11),
  );
});

import { afterEach, describe, expect, test } from '@jest/globals';
import { encodeQuery, rawResponse, readMessage, types, wireName } from '../support/messages.ts';
import type { QueryParts, RawRecord } from '../support/messages.ts';
import { askUdp } from '../support/dns-clients.ts';
import { addressRecord, soaRecord } from '../support/scripted-upstream.ts';
import type { Script } from '../support/scripted-upstream.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
afterEach(() => world.stop());

const www: QueryParts = { name: 'www.example' };

function answering(...records: readonly RawRecord[]): Script {
  return ({ wire }) => ({ raw: rawResponse(wire, records) });
}

function asked(): number {
  return world.upstream.queries.length;
}

describe('TTLs', () => {
  test('RFC 1035 3.2.1: are counted down while an answer is kept, and it ends with them', async () => {
    world = await startWorld();
    await world.replica.askBothWays(www);
    await world.clock.advance(299_999);
    expect((await world.replica.askBothWays(www)).answers).toEqual(['www.example 1 A 192.0.2.1']);
    expect(asked()).toBe(1);
    await world.clock.advance(1);
    expect((await world.replica.ask(www)).answers).toEqual(['www.example 300 A 192.0.2.1']);
    expect(asked()).toBe(2);
  });

  test('RFC 1035 3.2.1: a TTL of 0 is passed on, and not kept', async () => {
    world = await startWorld(({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', 0)] }));
    for (const count of [1, 2]) {
      expect((await world.replica.ask(www)).answers).toEqual(['www.example 0 A 192.0.2.1']);
      expect(asked()).toBe(count);
    }
  });

  test('RFC 2181 5.2: the records of an RRset get its lowest TTL', async () => {
    const records = [90, 60, 120].map((ttl, index) =>
      addressRecord('www.example', `192.0.2.${String(index)}`, ttl),
    );
    world = await startWorld(() => ({ answers: records }));
    const { answers } = await world.replica.askBothWays(www);
    expect(answers.map((text) => text.split(' ')[1])).toEqual(['60', '60', '60']);
  });

  test('RFC 2181 5.2: RRsets keep TTLs of their own, and an answer lives as long as the lowest', async () => {
    world = await startWorld(() => ({
      answers: [
        { type: 'CNAME', name: 'www.example', ttl: 20, data: 'host.example' },
        addressRecord('host.example', '192.0.2.1', 600),
      ],
    }));
    const before = await world.replica.askBothWays(www);
    expect(before.answers).toEqual([
      'www.example 20 CNAME host.example',
      'host.example 600 A 192.0.2.1',
    ]);
    await world.clock.advance(19_000);
    expect((await world.replica.askBothWays(www)).answers).toEqual([
      'www.example 1 CNAME host.example',
      'host.example 581 A 192.0.2.1',
    ]);
    await world.clock.advance(1000);
    await world.replica.ask(www);
    expect(asked()).toBe(2);
  });

  test.each([0x8000_0000, 0xffff_ffff])(
    'RFC 8767 4: a TTL with the high bit set (%i) is a large one, and capped',
    async (ttl) => {
      world = await startWorld(answering({ type: 1, ttl, rdata: Buffer.from([192, 0, 2, 1]) }));
      const { answers } = await world.replica.askBothWays(www);
      expect(answers).toEqual(['www.example 86400 A 192.0.2.1']);
    },
  );

  test('RFC 8767 4: TTLs are capped at cache.ttlMaxSeconds and raised to cache.ttlMinSeconds', async () => {
    world = await startWorld(
      ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', name === 'low' ? 1 : 99_999)] }),
      { 'cache.ttlMinSeconds': '30', 'cache.ttlMaxSeconds': '3600' },
    );
    expect((await world.replica.ask({ name: 'low' })).answers).toEqual(['low 30 A 192.0.2.1']);
    expect((await world.replica.ask({ name: 'high' })).answers).toEqual(['high 3600 A 192.0.2.1']);
  });
});

describe('negative answers', () => {
  const nxdomain: Script = () => ({ code: 3, authorities: [soaRecord('example', 300, 60)] });

  test('RFC 2308 5: NXDOMAIN holds for every type of its name, NODATA for the type asked', async () => {
    world = await startWorld(({ name }) =>
      name.startsWith('no.')
        ? { code: 3, authorities: [soaRecord('example')] }
        : { authorities: [soaRecord('example')] },
    );
    expect((await world.replica.askBothWays({ name: 'no.example' })).code).toBe(3);
    expect((await world.replica.askBothWays({ name: 'no.example', type: 'MX' })).code).toBe(3);
    expect(asked()).toBe(1);
    expect(await world.replica.askBothWays(www)).toMatchObject({ code: 0, answers: [] });
    await world.replica.askBothWays({ ...www, type: 'MX' });
    expect(asked()).toBe(3);
  });

  test('RFC 2308 3, 5: live for the lesser of TTL and MINIMUM of the SOA, counted down', async () => {
    world = await startWorld(nxdomain);
    const [soa] = (await world.replica.askBothWays(www)).authorities;
    expect(soa).toMatch(/^example 60 SOA .*"minimum":60/);
    await world.clock.advance(59_000);
    expect((await world.replica.askBothWays(www)).authorities[0]).toMatch(/^example 1 SOA/);
    expect(asked()).toBe(1);
    await world.clock.advance(1000);
    await world.replica.ask(www);
    expect(asked()).toBe(2);
  });

  test('RFC 2308 5: are not kept without SOA', async () => {
    world = await startWorld(() => ({ code: 3 }));
    for (const count of [1, 2]) {
      expect((await world.replica.ask(www)).code).toBe(3);
      expect(asked()).toBe(count);
    }
  });

  test('RFC 2308 5: live for cache.negativeTtlMaxSeconds at most', async () => {
    world = await startWorld(
      () => ({ code: 3, authorities: [soaRecord('example', 86_400, 86_400)] }),
      { 'cache.negativeTtlMaxSeconds': '100' },
    );
    expect((await world.replica.askBothWays(www)).authorities[0]).toMatch(/^example 100 SOA/);
  });

  test('RFC 6604 3: an NXDOMAIN behind an alias holds for the type asked only', async () => {
    world = await startWorld(() => ({
      code: 3,
      answers: [{ type: 'CNAME', name: 'www.example', ttl: 60, data: 'gone.example' }],
      authorities: [soaRecord('example')],
    }));
    const response = await world.replica.askBothWays(www);
    expect(response).toMatchObject({ code: 3, answers: ['www.example 60 CNAME gone.example'] });
    await world.replica.askBothWays({ ...www, type: 'MX' });
    expect(asked()).toBe(2);
  });

  test('RFC 8020 2: an NXDOMAIN answers for names below it, where that is switched on', async () => {
    world = await startWorld(nxdomain, { 'cache.nxdomainCut': 'true' });
    await world.replica.ask({ name: 'gone.example' });
    const below = await world.replica.ask({ name: 'a.b.gone.example' });
    expect(below).toMatchObject({ code: 3, question: 'a.b.gone.example A IN' });
    await world.replica.ask({ name: 'notgone.example' });
    expect(world.upstream.queries.map(({ name }) => name.toLowerCase())).toEqual([
      'gone.example',
      'notgone.example',
    ]);
  });

  test('RFC 8020 2: it does not, where that is left off', async () => {
    world = await startWorld(nxdomain);
    await world.replica.ask({ name: 'gone.example' });
    await world.replica.ask({ name: 'a.gone.example' });
    expect(asked()).toBe(2);
  });
});

describe('records that nobody knows', () => {
  test.each([731, 3333, 65_280, 65_535])(
    'RFC 3597 3: TYPE%i passes octet for octet',
    async (type) => {
      const rdata = Buffer.from('c00cFFfe0007EXAMPLE000102', 'latin1');
      world = await startWorld(answering({ type, rdata }, { type, rdata: Buffer.alloc(0) }));
      const query = encodeQuery({ name: 'unknown.example', type });
      const fetched = await askUdp(world.replica.address, query);
      expect(fetched).toEqual(
        rawResponse(query, [
          { type, rdata },
          { type, rdata: Buffer.alloc(0) },
        ]),
      );
      expect(await world.replica.askCached(query)).toEqual([fetched, fetched]);
    },
  );

  test('RFC 3597 4: names in newer types stay uncompressed, in their case', async () => {
    const rdata = Buffer.concat([Buffer.from([0, 1, 0, 2, 0, 53]), wireName('SRV.Www.Example')]);
    world = await startWorld(answering({ type: types.SRV, rdata }));
    const query = encodeQuery({ name: 'www.example', type: 'SRV' });
    const response = await askUdp(world.replica.address, query);
    expect(response.includes(rdata)).toBe(true);
  });

  test('RFC 9460 2.2: parameters of SVCB and HTTPS that nobody knows are conveyed', async () => {
    const rdata = Buffer.concat([
      Buffer.from([0, 1]),
      wireName('svc.example'),
      Buffer.from([0xfd, 0xe8, 0, 3, 1, 2, 3]), // key 65000
    ]);
    world = await startWorld(answering({ type: types.HTTPS, rdata }));
    const query = encodeQuery({ name: 'www.example', type: 'HTTPS' });
    const fetched = await askUdp(world.replica.address, query);
    expect(fetched.includes(rdata)).toBe(true);
    expect(await world.replica.askCached(query)).toEqual([fetched, fetched]);
  });

  test('RFC 3597 5: a record of another class is no answer', async () => {
    world = await startWorld(answering({ type: 16, class: 3, rdata: Buffer.from('\u0001x') }));
    const response = readMessage(
      await askUdp(world.replica.address, encodeQuery({ name: 'www.example', type: 'TXT' })),
    );
    expect(response.answers).toEqual([]);
  });
});

describe('what is believed', () => {
  test('RFC 2181 5.4.1, RFC 5452 6: records that do not belong to the chain are dropped', async () => {
    world = await startWorld(() => ({
      answers: [
        { type: 'CNAME', name: 'www.example', ttl: 60, data: 'host.example' },
        addressRecord('host.example', '192.0.2.1', 60),
        addressRecord('bank.example', '203.0.113.6', 60),
      ],
      authorities: [{ type: 'NS', name: 'bank.example', ttl: 60, data: 'ns.evil.example' }],
      additionals: [addressRecord('ns.bank.example', '203.0.113.6', 60)],
    }));
    const response = await world.replica.askBothWays(www);
    expect(response).toMatchObject({ authorities: [], additionals: [] });
    expect(response.answers).toHaveLength(2);
    for (const name of ['bank.example', 'ns.bank.example', 'host.example']) {
      await world.replica.ask({ name });
    }
    expect(asked()).toBe(4);
  });

  test('RFC 2181 10.1: a chain of aliases without end is no answer', async () => {
    world = await startWorld(() => ({
      answers: [
        { type: 'CNAME', name: 'www.example', ttl: 60, data: 'b.example' },
        { type: 'CNAME', name: 'b.example', ttl: 60, data: 'www.example' },
      ],
    }));
    const response = await world.replica.ask({ ...www, edns: {} });
    expect(response).toMatchObject({ code: 2, answers: [] });
    expect(response.extendedErrors[0]).toMatch(/^24 /);
  });

  test('RFC 1035 4.1.4: a response whose names lead forward is no answer', async () => {
    const forward = Buffer.from([0xc0, 0x40]);
    world = await startWorld(answering({ type: types.CNAME, rdata: forward }));
    const response = await world.replica.ask({ ...www, edns: {} });
    expect(response.code).toBe(2);
    expect(response.extendedErrors[0]).toMatch(/^24 /);
  });

  test('RFC 2308 2.1.1: a referral is no answer', async () => {
    world = await startWorld(() => ({
      recursionAvailable: false,
      authorities: [{ type: 'NS', name: 'example', ttl: 60, data: 'ns.example' }],
    }));
    const response = await world.replica.ask({ ...www, edns: {} });
    expect(response).toMatchObject({ code: 2, authorities: [] });
    expect(response.extendedErrors[0]).toMatch(/^22 .*referral/);
  });
});

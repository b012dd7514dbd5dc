import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { askTcp } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { answerAll } from '../support/scripted-upstream.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());
beforeEach(() => {
  world.upstream.script = answerAll;
  world.resetQueries();
});

const zeros = '0.'.repeat(31);
const nonexistent = /^\S+ 10800 SOA .*"minimum":10800/;

describe('names that are answered here', () => {
  test.each(['localhost', 'a.b.localhost', 'LocalHost'])(
    'RFC 6761 6.3: %s has the addresses of loopback and nothing else',
    async (name) => {
      const ask = (type: 'A' | 'AAAA' | 'MX') => world.replica.ask({ name, type });
      const address = await ask('A');
      expect(address.answers).toEqual([`${name} 10800 A 127.0.0.1`]);
      expect(address.flags).toBe('qr aa rd ra');
      expect((await ask('AAAA')).answers).toEqual([`${name} 10800 AAAA ::1`]);
      const other = await ask('MX');
      expect(other).toMatchObject({ code: 0, answers: [] });
      expect(other.authorities[0]).toMatch(nonexistent);
      expect(world.upstream.queries).toEqual([]);
    },
  );

  test.each([
    ['RFC 6761 6.4', 'invalid'],
    ['RFC 6761 6.4', 'x.invalid'],
    ['RFC 6761 6.2', 'test'],
    ['RFC 6761 6.2', 'www.test'],
    ['RFC 7686 2', 'onion'],
    ['RFC 7686 2', 'duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion'],
    ['RFC 6762 22.1', 'local'],
    ['RFC 6762 22.1', 'printer.local'],
    ['RFC 8375 4', 'router.home.arpa'],
    ['RFC 6303 4.1', '1.0.0.10.in-addr.arpa'],
    ['RFC 6303 4.1', '1.0.16.172.in-addr.arpa'],
    ['RFC 6303 4.1', '1.0.31.172.in-addr.arpa'],
    ['RFC 6303 4.1', '1.1.168.192.in-addr.arpa'],
    ['RFC 6303 4.2', '1.0.0.127.in-addr.arpa'],
    ['RFC 6303 4.2', '1.0.254.169.in-addr.arpa'],
    ['RFC 6303 4.2', '1.2.0.192.in-addr.arpa'],
    ['RFC 6303 4.2', '1.100.51.198.in-addr.arpa'],
    ['RFC 6303 4.2', '1.113.0.203.in-addr.arpa'],
    ['RFC 6303 4.2', 'x.255.255.255.255.in-addr.arpa'],
    ['RFC 6303 4.3', `x.0.${zeros}ip6.arpa`],
    ['RFC 6303 4.3', `x.1.${zeros}ip6.arpa`],
    ['RFC 6303 4.4', '1.d.f.ip6.arpa'],
    ['RFC 6303 4.5', '1.8.e.f.ip6.arpa'],
    ['RFC 6303 4.5', '1.b.e.f.ip6.arpa'],
    ['RFC 6303 4.6', '1.8.b.d.0.1.0.0.2.ip6.arpa'],
    ['RFC 7793 4', '1.0.64.100.in-addr.arpa'],
    ['RFC 7793 4', '1.0.127.100.in-addr.arpa'],
  ])('%s: %s does not exist, and nobody is asked', async (_rfc, name) => {
    const response = await world.replica.ask({ name, type: 'PTR' });
    expect(response).toMatchObject({ code: 3, flags: 'qr aa rd ra', answers: [] });
    expect(response.authorities[0]).toMatch(nonexistent);
    expect(world.upstream.queries).toEqual([]);
  });

  test.each([
    ['RFC 8375 4', 'home.arpa'],
    ['RFC 6303 3', '10.in-addr.arpa'],
    ['RFC 9462 6.4', 'resolver.arpa'],
    ['RFC 9462 4', '_dns.resolver.arpa'],
  ])('%s: %s exists and is empty', async (_rfc, name) => {
    const response = await world.replica.ask({ name, type: 'SVCB' });
    expect(response).toMatchObject({ code: 0, answers: [] });
    expect(response.authorities[0]).toMatch(nonexistent);
    expect(world.upstream.queries).toEqual([]);
  });

  test('RFC 9462 6.4: nothing else below resolver.arpa exists', async () => {
    expect((await world.replica.ask({ name: 'x.resolver.arpa' })).code).toBe(3);
    expect((await world.replica.ask({ name: '_dns.x.resolver.arpa' })).code).toBe(3);
    expect(world.upstream.queries).toEqual([]);
  });

  test('RFC 6761: are the same over TCP and with EDNS', async () => {
    const query = encodeQuery({ name: 'localhost', edns: { dnssecOk: true } });
    const response = readMessage(await askTcp(world.replica.address, query));
    expect(response.answers).toEqual(['localhost 10800 A 127.0.0.1']);
    expect(response.opt?.dnssecOk).toBe(true);
  });
});

describe('names that are not', () => {
  test('RFC 8375 4: a question for DS at home.arpa goes upstream', async () => {
    await world.replica.ask({ name: 'home.arpa', type: 'DS' });
    expect(world.upstream.queries.map(({ type }) => type)).toEqual(['DS']);
    await world.replica.ask({ name: 'x.home.arpa', type: 'DS' });
    expect(world.upstream.queries).toHaveLength(1);
  });

  test.each([
    'nolocalhost',
    'localhost.example',
    'mytest',
    '15.172.in-addr.arpa',
    '32.172.in-addr.arpa',
    '63.100.in-addr.arpa',
    '128.100.in-addr.arpa',
    '11.in-addr.arpa',
    'arpa',
  ])('RFC 6761, 6303: %s is forwarded', async (name) => {
    await world.replica.ask({ name });
    expect(world.upstream.queries).toHaveLength(1);
  });
});

describe('switches', () => {
  const families = [
    ['localhost', 'localhost'],
    ['invalid', 'a.invalid'],
    ['test', 'a.test'],
    ['onion', 'a.onion'],
    ['local', 'a.local'],
    ['homeArpa', 'a.home.arpa'],
    ['privateReverse', '1.0.0.10.in-addr.arpa'],
    ['resolverArpa', '_dns.resolver.arpa'],
  ] as const;

  test('RFC 6761, 6303, 7686, 6762, 8375, 9462: each family can be forwarded by a switch', async () => {
    const off = families.map(([family]) => [`local.specialNames.${family}`, 'false']);
    const open = await startWorld(answerAll, Object.fromEntries(off));
    for (const [, name] of families) await open.replica.ask({ name });
    const asked = open.upstream.queries.map(({ name }) => name);
    await open.stop();
    expect(asked).toEqual(families.map(([, name]) => name));
  });

  test('RFC 6762 22.1: a route of its own takes a domain out of a special one', async () => {
    const set = { routes: `[{"suffix":"cluster.local","servers":["${world.upstream.text}"]}]` };
    const routed = await startWorld(answerAll, set);
    expect((await routed.replica.ask({ name: 'db.cluster.local' })).code).toBe(0);
    expect((await routed.replica.ask({ name: 'printer.local' })).code).toBe(3);
    await routed.stop();
    expect(world.upstream.queries.map(({ name }) => name)).toEqual(['db.cluster.local']);
  });
});

describe('questions for ANY', () => {
  test('RFC 8482 4.2: get an HINFO that says so, and nobody is asked', async () => {
    const response = await world.replica.ask({ name: 'any.example', type: 'ANY' });
    expect(response.code).toBe(0);
    expect(response.answers).toEqual(['any.example 10800 HINFO {"cpu":"RFC8482","os":""}']);
    expect(world.upstream.queries).toEqual([]);
  });

  test('RFC 8482 4.2: the HINFO does not answer a question for HINFO or another type', async () => {
    await world.replica.ask({ name: 'any.example', type: 'ANY' });
    await world.replica.ask({ name: 'any.example', type: 'HINFO' });
    expect(world.upstream.queries.map(({ type }) => type)).toEqual(['HINFO']);
  });

  test('RFC 8482 4: are forwarded where the switch is off', async () => {
    const open = await startWorld(answerAll, { 'local.minimalAny': 'false' });
    const response = await open.replica.ask({ name: 'any.example', type: 'ANY' });
    await open.stop();
    expect(response.answers).toEqual(['any.example 300 A 192.0.2.1']);
  });
});

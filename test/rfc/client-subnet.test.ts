import { afterEach, describe, expect, test } from '@jest/globals';
import { TcpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import type { EdnsParts, ReadMessage } from '../support/messages.ts';
import { proxyHeader } from '../support/proxy-header.ts';
import { addressRecord, soaRecord } from '../support/scripted-upstream.ts';
import type { Script } from '../support/scripted-upstream.ts';
import {
  answerBySubnet,
  onBehalfOf,
  scopeIn,
  subnetCode,
  subnetData,
  toldIn,
} from '../support/subnets.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
afterEach(() => world.stop());

function told(): (string | undefined)[] {
  return world.upstream.queries.map(toldIn);
}

function startWith(policy: string, script: Script = answerBySubnet): Promise<World> {
  return startWorld(script, {
    'upstream.clientSubnet.policy': policy,
    'listen.proxyProtocol.from': '127.0.0.1',
    'clients.allow': '0.0.0.0/0,::/0',
  });
}

async function askAs(client: string, name: string, edns?: EdnsParts): Promise<ReadMessage> {
  const connection = await TcpClient.open(world.replica.address);
  connection.write(proxyHeader(client));
  const query = encodeQuery(edns === undefined ? { name } : { name, edns });
  const answer = await connection.ask(query);
  connection.close();
  return readMessage(answer);
}

describe('removed', () => {
  test('RFC 7871 11.1: by default upstreams are told nothing, and all share one answer', async () => {
    world = await startWith('remove');
    const one = await world.replica.ask({
      name: 's24.example',
      edns: onBehalfOf('198.51.100.0/24'),
    });
    const other = await askAs('198.51.101.7', 's24.example');
    expect([one, other].map(({ answers }) => answers)).toEqual([
      ['s24.example 300 A 203.0.113.254'],
      ['s24.example 300 A 203.0.113.254'],
    ]);
    expect(scopeIn(one)).toBeUndefined();
    expect(told()).toEqual([undefined]);
  });
});

describe('forwarded', () => {
  test('RFC 7871 7.1.1: the upstream is told what the client says, no more bits than allowed', async () => {
    world = await startWith('forward');
    await world.replica.ask({ name: 's24.example', edns: onBehalfOf('198.51.100.77/32') });
    await world.replica.ask({ name: 's24.example', edns: onBehalfOf('198.51.0.0/16') });
    await world.replica.ask({ name: 's24.example' });
    await askAs('198.51.102.7', 's24.example');
    expect(told()).toEqual(['00011800c63364', '00011000c633', undefined]);
  });

  test('RFC 7871 7.2.2: its option comes back with the scope, and to nobody else', async () => {
    world = await startWith('forward');
    const parts = { name: 's24.example', edns: onBehalfOf('198.51.100.77/32') };
    expect(scopeIn(await world.replica.ask(parts))).toBe('00012018c633644d');
    expect(scopeIn(await world.replica.ask(parts))).toBe('00012018c633644d');
    expect(scopeIn(await world.replica.ask({ name: 's24.example', edns: {} }))).toBeUndefined();
    expect(world.upstream.queries).toHaveLength(2);
  });

  test('RFC 7871 7.3.1: the answer for a subnet is for no other, and not for who names none', async () => {
    world = await startWith('forward');
    const ask = (edns?: EdnsParts): Promise<ReadMessage> =>
      world.replica.ask(
        edns === undefined ? { name: 's24.example' } : { name: 's24.example', edns },
      );
    for (let round = 0; round < 2; round++) {
      expect((await ask(onBehalfOf('198.51.100.0/24'))).answers).toEqual([
        's24.example 300 A 203.0.113.100',
      ]);
      expect((await ask(onBehalfOf('198.51.101.0/24'))).answers).toEqual([
        's24.example 300 A 203.0.113.101',
      ]);
      expect((await ask()).answers).toEqual(['s24.example 300 A 203.0.113.254']);
    }
    expect(world.upstream.queries).toHaveLength(3);
  });

  test.each(['s0.example', 'silent.example'])(
    'RFC 7871 7.3: an answer for everybody is asked for once: %s',
    async (name) => {
      world = await startWith('forward');
      const one = await world.replica.ask({ name, edns: onBehalfOf('198.51.100.0/24') });
      expect(scopeIn(one)).toBe('00011800c63364');
      const other = await world.replica.ask({ name, edns: onBehalfOf('198.51.101.0/24') });
      expect(other.answers).toEqual(one.answers);
      expect(scopeIn(other)).toBe('00011800c63365');
      const { hotPath } = world.replica.resolver;
      const hits = hotPath.hits;
      expect((await world.replica.ask({ name })).answers).toEqual(one.answers);
      expect(hotPath.hits).toBe(hits + 1);
      expect(world.upstream.queries).toHaveLength(1);
    },
  );

  test('RFC 7871 7.3: names that are not there are kept apart, and shared, in the same way', async () => {
    world = await startWith('forward', (query) => ({
      ...answerBySubnet(query),
      answers: [],
      authorities: [soaRecord('example')],
      code: 3,
    }));
    const ask = (name: string, prefix: string): Promise<ReadMessage> =>
      world.replica.ask({ name, edns: onBehalfOf(prefix) });
    for (const name of ['s24.example', 's0.example']) {
      await ask(name, '198.51.100.0/24');
      await ask(name, '198.51.101.0/24');
    }
    expect(told()).toEqual(['00011800c63364', '00011800c63365', '00011800c63364']);
  });

  test('RFC 7871 7.1.2: a client that forbids is not told of, and what it is answered is for its like alone', async () => {
    world = await startWith('add');
    const forbidden = await askAs('198.51.100.7', 's0.example', onBehalfOf('0.0.0.0/0'));
    expect(scopeIn(forbidden)).toBe('00010000');
    expect(told()).toEqual(['00010000']);
    expect((await askAs('198.51.100.7', 's0.example')).answers).toEqual([
      's0.example 300 A 203.0.113.100',
    ]);
    await askAs('198.51.101.7', 's0.example', onBehalfOf('0.0.0.0/0'));
    expect(world.upstream.queries).toHaveLength(2);
    expect(await world.replica.metric('heimdall_cache_subnet_questions_total')).toEqual([
      'heimdall_cache_subnet_questions_total{result="forwarded"} 0',
      'heimdall_cache_subnet_questions_total{result="added"} 1',
      'heimdall_cache_subnet_questions_total{result="forbidden"} 2',
    ]);
  });

  test('RFC 7871 7.1.2: a malformed option is refused, whatever the policy', async () => {
    world = await startWith('forward');
    for (const text of [
      '00012100c000020100',
      '00011700c00003',
      '00011818c00002',
      '000300',
      '0001',
    ]) {
      const options = [{ code: subnetCode, data: Buffer.from(text, 'hex') }];
      expect((await world.replica.ask({ name: 's0.example', edns: { options } })).code).toBe(1);
    }
    expect(world.upstream.queries).toHaveLength(0);
  });

  test('RFC 7871 7.3: a response for another subnet is no response', async () => {
    world = await startWith('forward', (query) => [
      {
        answers: [addressRecord(query.name, '203.0.113.66')],
        edns: [{ code: subnetCode, data: subnetData('192.0.2.0/24') }],
      },
      { answers: [addressRecord(query.name, '203.0.113.1')], delayMs: 20 },
    ]);
    const { answers } = await world.replica.ask({
      name: 'liar.example',
      edns: onBehalfOf('198.51.100.0/24'),
    });
    expect(answers).toEqual(['liar.example 300 A 203.0.113.1']);
    const [line] = await world.replica.metric('heimdall_upstream_mismatched_responses_total');
    expect(line).toMatch(/kind="wrong_subnet".* 1$/);
  });

  test('RFC 7871 7.1.3: an upstream that refuses to be told is asked on behalf of nobody', async () => {
    world = await startWith('forward', (query) =>
      toldIn(query) === '00010000' ? answerBySubnet(query) : { code: 5 },
    );
    for (const prefix of ['198.51.100.0/24', '198.51.101.0/24']) {
      const response = await world.replica.ask({ name: 's0.example', edns: onBehalfOf(prefix) });
      expect(response.answers).toEqual(['s0.example 300 A 203.0.113.254']);
    }
    expect(told()).toEqual(['00011800c63364', '00010000', '00011800c63365', '00010000']);
    expect((await world.replica.ask({ name: 's0.example' })).code).toBe(5);
  });

  test('RFC 6891 7: an upstream without EDNS answers for everybody', async () => {
    world = await startWith('forward', (query) =>
      query.edns === undefined ? answerBySubnet(query) : { code: 1, edns: false },
    );
    const one = await world.replica.ask({
      name: 's0.example',
      edns: onBehalfOf('198.51.100.0/24'),
    });
    expect(one.answers).toEqual(['s0.example 300 A 203.0.113.254']);
    await world.replica.ask({ name: 's0.example', edns: onBehalfOf('198.51.101.0/24') });
    expect(world.upstream.queries).toHaveLength(2);
  });
});

describe('added', () => {
  test('RFC 7871 7.1.1: the address of the client is told, and each subnet has its own answer', async () => {
    world = await startWith('add');
    for (let round = 0; round < 2; round++) {
      for (const client of ['198.51.100.7', '198.51.100.8', '198.51.101.7']) {
        const { answers } = await askAs(client, 's24.example');
        const [, , third = ''] = client.split('.');
        expect(answers).toEqual([`s24.example 300 A 203.0.113.${third}`]);
      }
    }
    await askAs('2001:db8:1234:5678::1', 's24.example');
    expect(told()).toEqual(['00011800c63364', '00011800c63365', '0002380020010db8123456']);
  });

  test('RFC 7871 11.3: addresses that are not of the public are kept back', async () => {
    world = await startWith('add');
    for (const client of ['10.0.0.1', '192.168.1.1', '100.64.0.1', 'fd00::1', 'fe80::1'])
      await askAs(client, 's24.example');
    await world.replica.ask({ name: 's24.example' });
    expect(told()).toEqual([undefined]);
  });

  test('RFC 7871 7.3.1: what is kept for clients that are not told of is for no other', async () => {
    world = await startWith('add');
    await world.replica.ask({ name: 's24.example' });
    expect((await askAs('198.51.100.7', 's24.example')).answers).toEqual([
      's24.example 300 A 203.0.113.100',
    ]);
  });

  test('RFC 7871 7.3.1: what is for everybody takes no place of what is for the subnet', async () => {
    world = await startWith('add', (query) => {
      const scope = toldIn(query) === '00011800c63364' ? 's24' : 's0';
      return { ...answerBySubnet({ ...query, name: scope }), ...answerBySubnet(query) };
    });
    const third = async (client: string): Promise<string | undefined> =>
      (await askAs(client, 'mixed.example')).answers[0]?.split('.').at(-1);
    const clients = ['198.51.100.7', '198.51.101.7', '198.51.102.7', '198.51.100.8'];
    const addresses: (string | undefined)[] = [];
    for (const client of clients) addresses.push(await third(client));
    expect(addresses).toEqual(['100', '101', '101', '100']);
    expect(world.upstream.queries).toHaveLength(2);
  });

  test('RFC 7871 7.1.1: a client that says more of itself is taken at its word', async () => {
    world = await startWith('add');
    await askAs('198.51.100.7', 's24.example', onBehalfOf('192.0.2.0/24'));
    expect(told()).toEqual(['00011800c00002']);
  });
});

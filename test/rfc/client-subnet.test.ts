import { afterEach, describe, expect, test } from '@jest/globals';
import { TcpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import type { EdnsParts, ReadMessage } from '../support/messages.ts';
import { proxyHeader } from '../support/proxy-header.ts';
import { addressRecord, soaRecord } from '../support/scripted-upstream.ts';
import type { Script, ScriptedQuery, ScriptedReply } from '../support/scripted-upstream.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
afterEach(() => world.stop());

const subnetCode = 8;

/** The option of an IPv4 prefix, in hexadecimal: `192.0.2.0/24` is `00011800c00002`. */
function subnetOf(prefix: string): Buffer {
  const [address = '', bits = '0'] = prefix.split('/');
  const octets = Buffer.from(address.split('.').map(Number));
  const head = Buffer.from([0, 1, Number(bits), 0]);
  return Buffer.concat([head, octets.subarray(0, Math.ceil(Number(bits) / 8))]);
}

function from(prefix: string): EdnsParts {
  return { options: [{ code: subnetCode, data: subnetOf(prefix) }] };
}

/** What an upstream was told, in hexadecimal; undefined for nothing. */
function toldIn({ edns }: ScriptedQuery): string | undefined {
  const option = edns?.options.find(({ code }) => (code as number) === subnetCode);
  return option === undefined || !('data' in option)
    ? undefined
    : Buffer.from(option.data as Buffer).toString('hex');
}

function told(): (string | undefined)[] {
  return world.upstream.queries.map(toldIn);
}

/** What came back to a client, in hexadecimal. */
function scopeIn({ options }: ReadMessage): string | undefined {
  return options.find(({ code }) => code === subnetCode)?.data.toString('hex');
}

/**
 * An upstream whose answer is 203.0.113.N for a subnet x.x.N.x, and 203.0.113.254 for nobody. The first
 * label says what it tells of the scope: `s0`, `s24`; others nothing.
 */
function tailor(query: ScriptedQuery): ScriptedReply {
  const data = Buffer.from(toldIn(query) ?? '', 'hex');
  const last = data.length > 6 ? data.readUInt8(6) : 254;
  const answers = [addressRecord(query.name, `203.0.113.${String(last)}`)];
  const scope = /^s(\d+)/.exec(query.name)?.[1];
  if (data.length === 0 || scope === undefined) return { answers };
  data[3] = Number(scope);
  return { answers, edns: [{ code: subnetCode, data }] };
}

function startWith(policy: string, script: Script = tailor): Promise<World> {
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
    const one = await world.replica.ask({ name: 's24.example', edns: from('198.51.100.0/24') });
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
    await world.replica.ask({ name: 's24.example', edns: from('198.51.100.77/32') });
    await world.replica.ask({ name: 's24.example', edns: from('198.51.0.0/16') });
    await world.replica.ask({ name: 's24.example' });
    await askAs('198.51.102.7', 's24.example');
    expect(told()).toEqual(['00011800c63364', '00011000c633', undefined]);
  });

  test('RFC 7871 7.2.2: its option comes back with the scope, and to nobody else', async () => {
    world = await startWith('forward');
    const parts = { name: 's24.example', edns: from('198.51.100.77/32') };
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
      expect((await ask(from('198.51.100.0/24'))).answers).toEqual([
        's24.example 300 A 203.0.113.100',
      ]);
      expect((await ask(from('198.51.101.0/24'))).answers).toEqual([
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
      const one = await world.replica.ask({ name, edns: from('198.51.100.0/24') });
      expect(scopeIn(one)).toBe('00011800c63364');
      const other = await world.replica.ask({ name, edns: from('198.51.101.0/24') });
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
      ...tailor(query),
      answers: [],
      authorities: [soaRecord('example')],
      code: 3,
    }));
    const ask = (name: string, prefix: string): Promise<ReadMessage> =>
      world.replica.ask({ name, edns: from(prefix) });
    for (const name of ['s24.example', 's0.example']) {
      await ask(name, '198.51.100.0/24');
      await ask(name, '198.51.101.0/24');
    }
    expect(told()).toEqual(['00011800c63364', '00011800c63365', '00011800c63364']);
  });

  test('RFC 7871 7.1.2: a client that forbids is not told of, and what it is answered is for its like alone', async () => {
    world = await startWith('add');
    const forbidden = await askAs('198.51.100.7', 's0.example', from('0.0.0.0/0'));
    expect(scopeIn(forbidden)).toBe('00010000');
    expect(told()).toEqual(['00010000']);
    expect((await askAs('198.51.100.7', 's0.example')).answers).toEqual([
      's0.example 300 A 203.0.113.100',
    ]);
    await askAs('198.51.101.7', 's0.example', from('0.0.0.0/0'));
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
        edns: [{ code: subnetCode, data: subnetOf('192.0.2.0/24') }],
      },
      { answers: [addressRecord(query.name, '203.0.113.1')], delayMs: 20 },
    ]);
    const { answers } = await world.replica.ask({
      name: 'liar.example',
      edns: from('198.51.100.0/24'),
    });
    expect(answers).toEqual(['liar.example 300 A 203.0.113.1']);
    const [line] = await world.replica.metric('heimdall_upstream_mismatched_responses_total');
    expect(line).toMatch(/kind="wrong_subnet".* 1$/);
  });

  test('RFC 6891 7: an upstream without EDNS answers for everybody', async () => {
    world = await startWith('forward', (query) =>
      query.edns === undefined ? tailor(query) : { code: 1, edns: false },
    );
    const one = await world.replica.ask({ name: 's0.example', edns: from('198.51.100.0/24') });
    expect(one.answers).toEqual(['s0.example 300 A 203.0.113.254']);
    await world.replica.ask({ name: 's0.example', edns: from('198.51.101.0/24') });
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
    expect(world.replica.resolver.hotPath.hits).toBe(0);
  });

  test('RFC 7871 7.3: what is for everybody comes from the hot path', async () => {
    world = await startWith('add');
    await askAs('198.51.100.7', 's0.example');
    const other = await askAs('198.51.101.7', 's0.example');
    expect(other.answers).toEqual(['s0.example 300 A 203.0.113.100']);
    expect(world.replica.resolver.hotPath.hits).toBe(1);
  });

  test('RFC 7871 7.1.1: a client that says more of itself is taken at its word', async () => {
    world = await startWith('add');
    await askAs('198.51.100.7', 's24.example', from('192.0.2.0/24'));
    expect(told()).toEqual(['00011800c00002']);
  });
});

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';

let upstream: ScriptedUpstream;
let replica: TestReplica;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    script: ({ name, type }) => {
      const lowered = name.toLowerCase();
      if (lowered === 'none.example') return { code: 3 };
      if (lowered.endsWith('in-addr.arpa')) {
        return { answers: [{ name, type: 'PTR', ttl: 300, data: 'four.example' }] };
      }
      if (type === 'AAAA') {
        if (lowered === 'mapped.example') {
          return { answers: [{ name, type: 'AAAA', ttl: 300, data: '::ffff:192.0.2.9' }] };
        }
        const native = [{ name, type: 'AAAA', ttl: 300, data: '2001:db8::6' } as const];
        return { answers: lowered === 'six.example' ? native : [] };
      }
      if (lowered === 'alias.example') {
        return {
          answers: [
            { name, type: 'CNAME', ttl: 300, data: 'four.example' },
            addressRecord('four.example', '192.0.2.4', 200),
          ],
        };
      }
      return {
        answers: [
          addressRecord(name, lowered.startsWith('private') ? '10.0.0.1' : '192.0.2.4', 300),
        ],
      };
    },
  });
  replica = await startReplica({
    upstreams: [upstream.text],
    set: { 'local.dns64.enabled': 'true' },
  });
});
afterAll(async () => {
  await replica.stop();
  await upstream.stop();
});

async function six(name: string, more: object = {}): Promise<readonly string[]> {
  return (await replica.ask({ name, type: 'AAAA', ...more })).answers;
}

test('RFC 6147 5.1: a name without IPv6 addresses has those of the prefix, again and again', async () => {
  for (const _ of [1, 2, 3]) {
    expect(await six('four.example')).toEqual(['four.example 300 AAAA 64:ff9b::c000:204']);
  }
  expect(await six('mapped.example')).toEqual(['mapped.example 300 AAAA 64:ff9b::c000:204']);
});

test('RFC 6147 5.1.7: aliases stay in front', async () => {
  expect(await six('alias.example')).toEqual([
    'alias.example 300 CNAME four.example',
    'four.example 200 AAAA 64:ff9b::c000:204',
  ]);
});

test('RFC 6147 5.1.2, 5.1.6: not where there are IPv6 addresses, nor for a name that does not exist', async () => {
  expect(await six('six.example')).toEqual(['six.example 300 AAAA 2001:db8::6']);
  const { code, answers } = await replica.ask({ name: 'none.example', type: 'AAAA' });
  expect([code, answers]).toEqual([3, []]);
});

test('RFC 6147 5.5: not for a client that validates for itself (CD and DO)', async () => {
  expect(await six('four.example', { checkingDisabled: true, edns: { dnssecOk: true } })).toEqual(
    [],
  );
});

test('RFC 6052 3.1: private addresses do not go behind the well-known prefix', async () => {
  expect(await six('private.example')).toEqual([]);
});

test('RFC 6147 5.3.1: an address of the prefix is called what its IPv4 address is called', async () => {
  const name = `4.0.2.0.0.0.0.c${'.0'.repeat(16)}.b.9.f.f.4.6.0.0.ip6.arpa`;
  for (const _ of [1, 2]) {
    expect((await replica.ask({ name, type: 'PTR' })).answers).toEqual([
      `${name} 600 CNAME 4.2.0.192.in-addr.arpa`,
      '4.2.0.192.in-addr.arpa 300 PTR four.example',
    ]);
  }
});

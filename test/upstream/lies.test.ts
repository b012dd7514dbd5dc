import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Outcome } from '../../src/query/outcome.ts';
import type { MismatchKind } from '../../src/upstream/observer.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import type { Script, ScriptedQuery, ScriptedReply } from '../support/scripted-upstream.ts';
import { answersOf, ask, queryFor, realWorld, udpWays } from './fixtures.ts';

/** What an upstream of good faith says. */
const honest = ({ name }: ScriptedQuery): ScriptedReply => ({
  answers: [addressRecord(name, '192.0.2.1')],
});
/** What a forger would like to be believed. */
const forged = ({ name }: ScriptedQuery): ScriptedReply => ({
  answers: [addressRecord(name, '203.0.113.66')],
});

describe.each(udpWays)('datagrams by %s', (_way, calls) => {
  let liar: ScriptedUpstream;
  let second: ScriptedUpstream;
  let world: ReturnType<typeof realWorld>;

  beforeEach(async () => {
    liar = await ScriptedUpstream.start();
    second = await ScriptedUpstream.start({
      script: ({ name }) => ({ answers: [addressRecord(name, '192.0.2.2')] }),
    });
    world = realWorld({ servers: [liar.text, second.text] }, calls);
  });

  afterEach(async () => {
    world.upstreams.stop();
    await Promise.all([liar.stop(), second.stop()]);
  });

  function addressOf(outcome: Outcome): unknown {
    const [record] = answersOf(outcome);
    return record !== undefined && 'data' in record ? record.data : undefined;
  }

  async function askLiar(script: Script): Promise<Outcome> {
    liar.script = script;
    return ask(world.upstreams, queryFor('www.example.com'));
  }

  describe('forged before the honest response: ignored, counted, and the wait goes on (RFC 5452 section 9.1)', () => {
    test.each<[string, ScriptedReply, MismatchKind]>([
      ['wrong id', { idOffset: 1 }, 'wrong_id'],
      ['wrong port', { fromOtherPort: true }, 'wrong_source'],
      ['wrong question', { question: { name: 'other.example.com', type: 'A' } }, 'wrong_question'],
      ['wrong type', { question: { name: 'www.example.com', type: 'AAAA' } }, 'wrong_question'],
      ['wrong case', { nameCase: 'flip' }, 'wrong_case'],
      ['a query', { notAResponse: true }, 'not_a_response'],
      ['garbage', { raw: Buffer.from('\0\0no message'), keepId: true }, 'not_a_response'],
      ['a runt', { raw: Buffer.from('\0\0\x81'), keepId: true }, 'malformed'],
    ])('%s', async (_what, lie, kind) => {
      const outcome = await askLiar((query) => [
        { ...forged(query), ...lie },
        { ...honest(query), delayMs: 15 },
      ]);
      expect(addressOf(outcome)).toBe('192.0.2.1');
      expect(outcome).toMatchObject({ layer: 'upstream', detail: liar.text });
      expect(world.observer.mismatches).toEqual([{ server: liar.text, kind }]);
      expect(world.observer.responses).toHaveLength(1);
    });
  });

  describe('an upstream of no use: the next one is asked', () => {
    test.each<[string, Script]>([
      ['mute', () => undefined],
      ['slow beyond the time of its try', (query) => ({ ...honest(query), delayMs: 2000 })],
      ['wrong id only', (query) => ({ ...forged(query), idOffset: 9 })],
      ['SERVFAIL', () => ({ code: 2 })],
      ['REFUSED', () => ({ code: 5 })],
      ['NOTIMP', () => ({ code: 4 })],
      [
        'a referral',
        () => ({
          recursionAvailable: false,
          authorities: [{ type: 'NS', name: 'com', ttl: 60, data: 'ns.example.net' }],
        }),
      ],
      [
        'a record that overruns the message',
        (query) => {
          const raw = Buffer.concat([query.wire.subarray(0, 33), Buffer.from([0xc0, 12, 0, 1])]);
          raw.writeUInt16BE(0x8180, 2);
          raw.writeUInt16BE(1, 6);
          raw.writeUInt16BE(0, 10);
          return { raw, keepId: true };
        },
      ],
      [
        'aliases without end',
        ({ name }) => ({
          answers: [
            { type: 'CNAME', name, ttl: 60, data: 'loop.example.com' },
            { type: 'CNAME', name: 'loop.example.com', ttl: 60, data: name },
          ],
        }),
      ],
    ])('%s', async (_what, script) => {
      const outcome = await askLiar(script);
      expect(addressOf(outcome)).toBe('192.0.2.2');
      expect(outcome).toMatchObject({ kind: 'answer', detail: second.text });
      expect(world.observer.failovers).toEqual([liar.text]);
    });
  });

  describe('more than the answer', () => {
    test('records that do not belong to the chain of aliases are left out (RFC 2181 section 5.4.1)', async () => {
      const outcome = await askLiar(({ name }) => ({
        answers: [
          { type: 'CNAME', name, ttl: 60, data: 'real.example.com' },
          addressRecord('real.example.com', '192.0.2.1'),
          addressRecord('bank.example.net', '203.0.113.66'),
        ],
        authorities: [{ type: 'NS', name: 'example.net', ttl: 60, data: 'ns.evil.example' }],
        additionals: [addressRecord('ns.evil.example', '203.0.113.66')],
      }));
      expect(answersOf(outcome).map(({ name }) => name)).toEqual([
        'www.example.com',
        'real.example.com',
      ]);
      expect(JSON.stringify(outcome)).not.toContain('evil');
    });

    test('a truncated response is asked for again over TCP, and what it held is not used (RFC 7766 section 5)', async () => {
      const outcome = await askLiar((query) =>
        query.transport === 'udp' ? { ...forged(query), truncated: true } : honest(query),
      );
      expect(addressOf(outcome)).toBe('192.0.2.1');
      expect(liar.queries.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
      expect(world.observer.responses).toHaveLength(2);
      expect(second.queries).toHaveLength(0);
    });

    test('a response that is truncated over TCP too is none', async () => {
      const outcome = await askLiar((query) => ({ ...forged(query), truncated: true }));
      expect(addressOf(outcome)).toBe('192.0.2.2');
      expect(world.observer.failures).toEqual([{ server: liar.text, reason: 'malformed' }]);
    });

    test('AD is believed only where that is set (RFC 6840 section 5.8)', async () => {
      const script: Script = (query) => ({ ...honest(query), authenticData: true });
      expect(await askLiar(script)).toMatchObject({ answer: { authenticData: false } });
      expect(liar.queries[0]?.authenticData).toBe(false);
      const trusting = realWorld({ servers: [liar.text], trustAuthenticData: true }, calls);
      const outcome = await ask(trusting.upstreams, queryFor('www.example.com'));
      expect(outcome).toMatchObject({ answer: { authenticData: true } });
      expect(liar.queries[1]?.authenticData).toBe(true);
      trusting.upstreams.stop();
    });
  });

  describe('what upstreams are asked', () => {
    test('every query has its own port, id and case, RD, and an OPT record without options', async () => {
      liar.script = honest;
      for (let i = 0; i < 8; i++) await ask(world.upstreams, queryFor('www.example.com'));
      const seen = liar.queries;
      expect(new Set(seen.map(({ source }) => source.port)).size).toBe(8);
      expect(new Set(seen.map(({ id }) => id)).size).toBe(8);
      expect(new Set(seen.map(({ name }) => name)).size).toBeGreaterThan(4);
      for (const query of seen) {
        expect(query).toMatchObject({ recursionDesired: true, checkingDisabled: false, type: 'A' });
        expect(query.edns).toEqual({ udpSize: 1232, dnssecOk: false, options: [] });
      }
    });

    test('DO and CD are passed on (RFC 3225, RFC 4035 section 4.9.2)', async () => {
      liar.script = honest;
      const details = { dnssecOk: true, checkingDisabled: true };
      await ask(world.upstreams, queryFor('www.example.com', details));
      expect(liar.queries[0]).toMatchObject({ checkingDisabled: true, edns: { dnssecOk: true } });
    });

    test('an IPv6 upstream is asked from an IPv6 socket', async () => {
      const six = await ScriptedUpstream.start({ host: '::1' });
      const { upstreams } = realWorld({ servers: [six.text] }, calls);
      const outcome = await ask(upstreams, queryFor('www.example.com'));
      expect(outcome).toMatchObject({ kind: 'answer', detail: six.text });
      upstreams.stop();
      await six.stop();
    });
  });
});

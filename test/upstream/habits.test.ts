import { afterEach, describe, expect, test } from '@jest/globals';
import type { Script } from '../support/scripted-upstream.ts';
import { addressRecord } from '../support/scripted-upstream.ts';
import { virtualWorld } from './fixtures.ts';

const a = '192.0.2.1:53';
const tcpA = `tcp://${a}`;

let world: ReturnType<typeof virtualWorld>;

afterEach(() => world.upstreams.stop());

function given(script: Script, changes: Parameters<typeof virtualWorld>[0] = {}) {
  world = virtualWorld({ servers: [a], ...changes });
  world.transport.scripts.set(a, script);
  return world;
}

describe('an upstream that does not keep the case of letters', () => {
  const folding: Script = ({ name }) => ({
    answers: [addressRecord(name.toLowerCase(), '192.0.2.99')],
    nameCase: 'lower',
    delayMs: 5,
  });

  test('is asked over TCP when the time of its try is over; after three such it gets no mixed case for 10 minutes', async () => {
    const { settle, transport, upstreams, clock, observer } = given(folding);
    for (let i = 0; i < 3; i++) {
      expect(await settle(`caselost${String(i)}.example`)).toMatchObject({ kind: 'answer' });
    }
    expect(transport.sent.map(({ server }) => server)).toEqual([a, tcpA, a, tcpA, a, tcpA]);
    expect(observer.mismatches.every(({ kind }) => kind === 'wrong_case')).toBe(true);
    expect(upstreams.status()).toMatchObject([{ caseRandomization: false }]);
    await settle('folded.example');
    expect(transport.sent.at(-1)).toMatchObject({ server: a, name: 'folded.example' });
    await clock.advance(600_000);
    expect(upstreams.status()).toMatchObject([{ caseRandomization: true }]);
  });

  test('is not troubled where mixed case is switched off', async () => {
    const { settle, transport } = given(folding, { caseRandomization: false });
    await settle('www.example');
    expect(transport.sent).toMatchObject([{ server: a, name: 'www.example' }]);
  });
});

describe('an upstream without EDNS (RFC 6891 section 7)', () => {
  test.each([
    ['FORMERR', { code: 1, edns: false }],
    ['FORMERR with its header alone', { code: 1, edns: false, withoutQuestion: true }],
    ['NOTIMP', { code: 4, edns: false }],
  ] as const)(
    '%s: is asked again without, which is remembered for an hour',
    async (_what, reply) => {
      const { settle, transport, clock } = given(({ name, edns }) =>
        edns === undefined ? { answers: [addressRecord(name, '192.0.2.99')] } : reply,
      );
      expect(await settle('one.example')).toMatchObject({ kind: 'answer' });
      await settle('two.example');
      expect(transport.sent.map(({ edns }) => edns !== undefined)).toEqual([true, false, false]);
      await clock.advance(3_600_000);
      await settle('three.example');
      expect(transport.sent.map(({ edns }) => edns !== undefined).slice(3)).toEqual([true, false]);
    },
  );

  test('FORMERR with an OPT record is about the question: EDNS stays', async () => {
    const { settle, transport } = given(() => ({ code: 1 }));
    expect(await settle('www.example')).toMatchObject({ kind: 'failure', code: 2 });
    expect(transport.sent).toHaveLength(1);
  });

  test('FORMERR without EDNS too is about the question: EDNS is tried the next time', async () => {
    const { settle, transport } = given(() => ({ code: 1, edns: false }));
    await settle('one.example');
    await settle('two.example');
    expect(transport.sent.map(({ edns }) => edns !== undefined)).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});

import { afterEach, describe, expect, test } from '@jest/globals';
import { UdpClient } from '../support/dns-clients.ts';
import { encodeQuery } from '../support/messages.ts';
import { addressRecord, answerAll } from '../support/scripted-upstream.ts';
import type { Script, ScriptedReply } from '../support/scripted-upstream.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
afterEach(() => world.stop());

const www = { name: 'www.example' };
const mixed = { 'upstream.caseRandomization': 'true' };

/** Forged or wrong responses first, the right one behind them. */
function after(...wrong: readonly ScriptedReply[]): Script {
  return ({ name }) => [
    ...wrong.map((reply) => ({ answers: [addressRecord(name, '203.0.113.66')], ...reply })),
    { answers: [addressRecord(name, '192.0.2.1')], delayMs: 30 },
  ];
}

describe.each(['batched', 'dgram'])('datagrams by %s', (way) => {
  const startBy: typeof startWorld = (script, set, transport) =>
    startWorld(script, { 'listen.udp.transport': way, ...set }, transport);

  describe('questions to upstreams', () => {
    test('RFC 5452 9.1, 9.2: have ids and source ports that nobody can foresee', async () => {
      world = await startBy();
      for (let i = 0; i < 60; i++) await world.replica.ask({ name: `n${String(i)}.example` });
      const { queries } = world.upstream;
      const ports = new Set(queries.map(({ source }) => source.port));
      const ids = queries.map(({ id }) => id);
      expect(ports.size).toBeGreaterThan(40);
      expect(new Set(ids).size).toBeGreaterThan(55);
      const steps = new Set(ids.slice(1).map((id, index) => (id - (ids[index] ?? 0)) & 0xffff));
      expect(steps.size).toBeGreaterThan(50);
      expect(ids).not.toContain(0x1234);
    });

    test('RFC 5452 5: equal questions at the same time are one', async () => {
      world = await startBy(({ name }) => ({
        answers: [addressRecord(name, '192.0.2.1')],
        delayMs: 50,
      }));
      const clients = Array.from({ length: 20 }, () => new UdpClient(world.replica.address));
      const query = encodeQuery(www);
      const answers = await Promise.all(clients.map((client) => client.ask(query)));
      await Promise.all(clients.map((client) => client.close()));
      expect(world.upstream.queries).toHaveLength(1);
      expect(new Set(answers.map((answer) => answer.toString('hex'))).size).toBe(1);
    });

    test('RFC 5452 5: DO and CD make a question another one', async () => {
      world = await startBy();
      await world.replica.ask(www);
      await world.replica.ask({ ...www, edns: { dnssecOk: true } });
      await world.replica.ask({ ...www, checkingDisabled: true });
      await world.replica.ask({ ...www, edns: { dnssecOk: true }, checkingDisabled: true });
      expect(world.upstream.queries).toHaveLength(4);
    });

    test('RFC 1035 4.1.1: ask for recursion, with an id of their own and no option of the client', async () => {
      world = await startBy();
      const edns = { options: [{ code: 8, data: Buffer.from([0, 1, 24, 0, 192, 0, 2]) }] };
      await world.replica.ask({ ...www, id: 0x1234, edns });
      expect(world.upstream.queries[0]).toMatchObject({
        recursionDesired: true,
        authenticData: false,
        checkingDisabled: false,
        edns: { udpSize: 1232, dnssecOk: false, options: [] },
      });
    });
  });

  describe('responses of upstreams', () => {
    test.each<readonly [string, ScriptedReply]>([
      ['another id', { idOffset: 1 }],
      ['another port', { fromOtherPort: true }],
      ['another name', { question: { name: 'evil.example', type: 'A' } }],
      ['another type', { question: { name: 'www.example', type: 'AAAA' } }],
      ['no QR', { notAResponse: true }],
      ['nothing but garbage', { raw: Buffer.from('garbage') }],
    ])('RFC 5452 9.1: with %s are ignored, and the wait goes on', async (_what, wrong) => {
      world = await startBy(after(wrong));
      const response = await world.replica.ask(www);
      expect(response.answers).toEqual(['www.example 300 A 192.0.2.1']);
      expect(world.upstream.queries).toHaveLength(1);
      const counted = await world.replica.metric('heimdall_upstream_mismatched_responses_total{');
      expect(counted).toHaveLength(1);
      expect(counted[0]).toMatch(/ 1$/);
    });

    test('RFC 5452 9.1: in another case are ignored where the case was mixed (0x20)', async () => {
      world = await startBy(after({ nameCase: 'flip' }), mixed);
      const name = `${'case'.repeat(15)}.example`;
      const response = await world.replica.ask({ name });
      expect(response.answers).toEqual([`${name} 300 A 192.0.2.1`]);
      expect(world.upstream.queries[0]?.name).not.toBe(name);
    });

    test('RFC 2181 9, RFC 1123 6.1.3.2: a truncated one is not kept; TCP gets the whole', async () => {
      const many = Array.from({ length: 60 }, (_, i) =>
        addressRecord('www.example', `192.0.2.${String(i)}`),
      );
      world = await startBy(({ transport }) =>
        transport === 'udp' ? { truncated: true, answers: many.slice(0, 3) } : { answers: many },
      );
      const response = await world.replica.askTcp(www);
      expect(response.answers).toHaveLength(60);
      expect(response.flags).toBe('qr rd ra');
      expect(world.upstream.queries.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
    });

    test('RFC 6891 7: without EDNS is asked again who does not know it', async () => {
      world = await startBy((query) =>
        query.edns === undefined
          ? { answers: [addressRecord(query.name, '192.0.2.1')] }
          : { code: 1, edns: false },
      );
      expect((await world.replica.ask(www)).answers).toHaveLength(1);
      expect(world.upstream.queries.map(({ edns }) => edns === undefined)).toEqual([false, true]);
      await world.replica.ask({ name: 'next.example' });
      expect(world.upstream.queries).toHaveLength(3);
    });
  });

  describe('connections to upstreams', () => {
    const one = { 'upstream.tcp.connectionsMax': '1' };
    const ask = (count: number): Promise<(string | undefined)[]> =>
      Promise.all(
        Array.from({ length: count }, (_, index) =>
          world.replica.ask({ name: `n${String(index)}` }),
        ),
      ).then((responses) => responses.map(({ answers }) => answers[0]?.split(' ')[0]));
    const names = (count: number): string[] =>
      Array.from({ length: count }, (_, index) => `n${String(index)}`);

    test('RFC 7766 6.2.1.1, 7: are pipelined and used again, answers in any order', async () => {
      world = await startBy(
        ({ name }) => ({
          answers: [addressRecord(name, '192.0.2.1')],
          delayMs: 70 - Number(name.slice(1)),
        }),
        one,
        'tcp',
      );
      expect(await ask(50)).toEqual(names(50));
      expect(world.upstream.connectionsAccepted).toBe(1);
      expect(new Set(world.upstream.queries.map(({ id }) => id)).size).toBe(50);
      await world.replica.ask({ name: 'n50' });
      expect(world.upstream.connectionsAccepted).toBe(1);
    });

    test('RFC 7766 6.2.4: that the upstream closed are opened again, and no question is lost', async () => {
      world = await startBy(answerAll, one, 'tcp');
      expect(await ask(1)).toEqual(names(1));
      world.upstream.closeConnections();
      expect((await world.replica.ask({ name: 'after' })).answers).toHaveLength(1);
      world.upstream.resetConnections();
      expect((await world.replica.ask({ name: 'reset' })).answers).toHaveLength(1);
    });
  });
});

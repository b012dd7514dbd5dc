import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { addressRecord, ScriptedUpstream, soaRecord } from '../support/scripted-upstream.ts';
import { encodeScriptedReply } from '../support/scripted-reply.ts';
import type { ScriptedQuery } from '../support/scripted-reply.ts';
import { ask, queryFor, realWorld, udpWays, virtualWorld } from './fixtures.ts';

const runs = 3000;
const server = '192.0.2.1:53';

function richReply(query: ScriptedQuery): Buffer {
  return encodeScriptedReply(query, {
    answers: [
      { type: 'CNAME', name: query.name, ttl: 60, data: 'alias.example.com' },
      addressRecord('alias.example.com', '192.0.2.9'),
      { type: 'MX', name: 'alias.example.com', ttl: 5, data: { preference: 1, exchange: 'mx.x' } },
    ],
    authorities: [soaRecord('example.com')],
    edns: [{ code: 15, data: Buffer.from([0, 3, 0x61]) }],
  });
}

/** Changes, cuts off or adds a few octets behind the question. */
function damaged(message: Buffer, random: SeededRandom): Buffer {
  const octets = Buffer.from(message);
  const at = (): number => Math.floor(random.fraction() * octets.length);
  for (let left = 1 + (random.uint16() % 6); left > 0; left--) {
    const index = at();
    if (index >= 2) octets[index] = random.uint16() & 0xff;
  }
  return random.fraction() < 0.3 ? octets.subarray(0, 2 + at()) : octets;
}

describe('damaged responses', () => {
  test(`${String(runs)} of them: each query is settled, nothing is thrown, nothing stays open`, async () => {
    const random = new SeededRandom(20_261_123);
    const { transport, upstreams, clock } = virtualWorld({
      servers: [server],
      caseRandomization: false,
    });
    transport.scripts.set(server, (query) => ({
      raw: damaged(richReply(query), random),
      keepId: query.id % 50 !== 0,
    }));
    const outcomes: string[] = [];
    for (let i = 0; i < runs; i++) {
      void ask(upstreams, queryFor(`n${String(i)}.example.com`)).then(({ kind }) =>
        outcomes.push(kind),
      );
    }
    await clock.advance(4000);
    expect(outcomes).toHaveLength(runs);
    expect(outcomes.filter((kind) => kind === 'answer').length).toBeGreaterThan(runs / 10);
    upstreams.stop();
    expect([transport.exchangesOpen, clock.timersPending]).toEqual([0, 0]);
  });
});

describe.each(udpWays)('sockets, datagrams by %s', (_way, calls) => {
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter((kind) => /^(UDP|TCPSocket|Poll)/.test(kind)).length;
  /** Handles close within a few turns of the event loop; the other end of TCP a little later. */
  const closing = async (): Promise<void> => {
    for (let turns = 0; turns < 1000 && sockets() > before; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  let upstream: ScriptedUpstream;
  let before = 0;

  beforeEach(async () => {
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    upstream = await ScriptedUpstream.start();
    before = sockets();
  });

  afterEach(() => upstream.stop());

  test('none is left after stopping with queries in flight over UDP and TCP', async () => {
    upstream.script = () => undefined;
    const servers = [upstream.text, `tcp://${upstream.text}`];
    const { upstreams } = realWorld({ servers, strategy: 'parallel' }, calls);
    const pending = ['a.example', 'b.example'].map((name) => ask(upstreams, queryFor(name)));
    while (upstream.queries.length < 4) await new Promise((resolve) => setImmediate(resolve));
    upstreams.stop();
    for (const outcome of await Promise.all(pending)) expect(outcome.kind).toBe('failure');
    await closing();
    expect(sockets()).toBeLessThanOrEqual(before);
  });

  test('2,000 misses, 100 at once, are all answered, and leave none', async () => {
    const { upstreams } = realWorld({ servers: [upstream.text] }, calls);
    for (let round = 0; round < 20; round++) {
      const names = Array.from(
        { length: 100 },
        (_, index) => `n${String(index)}.r${String(round)}`,
      );
      const outcomes = await Promise.all(names.map((name) => ask(upstreams, queryFor(name))));
      expect(outcomes.filter(({ kind }) => kind === 'answer')).toHaveLength(names.length);
    }
    upstreams.stop();
    await closing();
    expect(sockets()).toBeLessThanOrEqual(before);
  });
});

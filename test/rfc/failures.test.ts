import { afterEach, describe, expect, test } from '@jest/globals';
import type { ReadMessage } from '../support/messages.ts';
import { addressRecord, answerAll, soaRecord } from '../support/scripted-upstream.ts';
import type { Script, ScriptedReply } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
afterEach(() => world.stop());

const mute: Script = () => undefined;
const servfail: Script = () => ({ code: 2 });
const www = { name: 'www.example', edns: {} };

function asked(): number {
  return world.upstream.queries.length;
}

/** Asks, and lets time pass until there is an answer. */
async function askPatiently(
  parts: { readonly name: string; readonly edns?: object } = www,
  stepMs = 100,
): Promise<{ readonly response: ReadMessage; readonly waitedMs: number }> {
  let response: ReadMessage | undefined;
  const startMs = world.clock.nowMs();
  const { responder } = world.replica.resolver;
  void world.replica.ask(parts).then((answer) => (response = answer));
  await waitFor('the query to arrive', () => responder.inFlight > 0 || response !== undefined);
  const answer = await waitFor('an answer', async () => {
    if (response === undefined) await world.clock.advance(stepMs);
    return response;
  });
  return { response: answer, waitedMs: world.clock.nowMs() - startMs };
}

function codesOf(response: ReadMessage): string[] {
  return response.extendedErrors.map((text) => text.split(' ')[0] ?? '');
}

describe('extended errors', () => {
  test('RFC 8914 4.23: 22 with the names of the upstreams where all are silent', async () => {
    world = await startWorld(mute);
    const { response, waitedMs } = await askPatiently();
    expect(response).toMatchObject({ code: 2, flags: 'qr rd ra' });
    expect(response.extendedErrors).toEqual([
      `22 no upstream answered: ${world.upstream.text} timeout`,
    ]);
    expect(waitedMs).toBeLessThanOrEqual(4100);
  });

  test('RFC 8914 4.24: 23 where an upstream cannot be reached', async () => {
    world = await startWorld(answerAll, {}, 'tcp');
    await world.stopUpstream();
    const { response, waitedMs } = await askPatiently();
    expect(response.code).toBe(2);
    expect(codesOf(response)).toEqual(['23']);
    expect(waitedMs).toBeLessThan(1000);
  });

  test('RFC 8914 4.25: 24 where the response cannot be read', async () => {
    world = await startWorld(({ wire }) => {
      const raw = Buffer.concat([wire, Buffer.from([0xc0])]);
      raw.writeUInt16BE(0x8180, 2);
      raw.writeUInt16BE(9, 6);
      return { raw };
    });
    const { response } = await askPatiently();
    expect(response.code).toBe(2);
    expect(codesOf(response)).toEqual(['24']);
  });

  test('RFC 8914 4.1: 0 with the code where an upstream fails', async () => {
    world = await startWorld(servfail);
    const response = await world.replica.ask(www);
    expect(response.code).toBe(2);
    expect(response.extendedErrors).toEqual([
      `0 no upstream answered: ${world.upstream.text} SERVFAIL`,
    ]);
  });

  test('RFC 8914 4.23: 22 and REFUSED where every upstream refuses', async () => {
    world = await startWorld(() => ({ code: 5 }));
    const response = await world.replica.ask(www);
    expect(response.code).toBe(5);
    expect(codesOf(response)).toEqual(['22']);
  });

  test('RFC 8914 3: those of an upstream are passed on, with an answer by both ways', async () => {
    const bogus = { code: 15, data: Buffer.concat([Buffer.from([0, 6]), Buffer.from('bogus')]) };
    world = await startWorld(({ name }) =>
      name === 'bad.example'
        ? { code: 2, edns: [bogus] }
        : { answers: [addressRecord(name, '192.0.2.1')], edns: [bogus] },
    );
    const failed = await world.replica.ask({ name: 'bad.example', edns: {} });
    expect(failed.extendedErrors[0]).toBe('6 bogus');
    expect((await world.replica.ask(www)).extendedErrors).toEqual(['6 bogus']);
    expect((await world.replica.ask(www)).extendedErrors).toEqual(['6 bogus']);
    expect(asked()).toBe(2);
  });

  test('RFC 8914 3: are for those who know EDNS only', async () => {
    world = await startWorld(servfail);
    const response = await world.replica.ask({ name: 'www.example' });
    expect(response).toMatchObject({ code: 2, opt: undefined });
  });

  test('RFC 8914 3: a long text is dropped before anything is truncated', async () => {
    const text = Buffer.concat([Buffer.from([0, 17]), Buffer.alloc(600, 0x61)]);
    world = await startWorld(({ name }) => ({
      answers: [addressRecord(name, '192.0.2.1')],
      edns: [{ code: 15, data: text }],
    }));
    const small = await world.replica.ask({ name: 'www.example', edns: { size: 512 } });
    expect(small).toMatchObject({ flags: 'qr rd ra', extendedErrors: ['17'] });
    expect(small.answers).toHaveLength(1);
    const large = await world.replica.ask({ name: 'www.example', edns: { size: 1232 } });
    expect(large.extendedErrors[0]).toHaveLength(603);
  });
});

describe('failures', () => {
  test('RFC 9520 3.2: are kept for 5 s, with 13 in the answer, and nobody is asked meanwhile', async () => {
    world = await startWorld(servfail);
    const first = await world.replica.ask(www);
    expect(codesOf(first)).toEqual(['0']);
    await world.clock.advance(4999);
    const kept = await world.replica.ask(www);
    expect(kept.code).toBe(2);
    expect(codesOf(kept)).toEqual(['0', '13']);
    expect(asked()).toBe(1);
    await world.clock.advance(1);
    await world.replica.ask(www);
    expect(asked()).toBe(2);
  });

  test('RFC 9520 3.2: are kept longer each time, up to cache.failureTtlMaxSeconds', async () => {
    world = await startWorld(servfail, { 'cache.failureTtlMaxSeconds': '20' });
    const askedAtSeconds: number[] = [];
    for (let second = 0; second <= 60; second++) {
      await world.replica.ask(www);
      if (asked() > askedAtSeconds.length) askedAtSeconds.push(second);
      await world.clock.advance(1000);
    }
    expect(askedAtSeconds).toEqual([0, 5, 15, 35, 55]);
  });

  test('RFC 9520 3.2: are kept for each question alone', async () => {
    world = await startWorld(({ type, name }) =>
      type === 'A' ? { code: 2 } : { authorities: [soaRecord(name)] },
    );
    await world.replica.ask(www);
    expect((await world.replica.ask({ ...www, type: 'MX' })).code).toBe(0);
    expect((await world.replica.ask({ name: 'x.www.example', type: 'MX' })).code).toBe(0);
  });

  test('RFC 9520 3.1: a question goes to a silent upstream three times at most', async () => {
    world = await startWorld(mute);
    await askPatiently();
    expect(asked()).toBeLessThanOrEqual(3);
    expect(new Set(world.upstream.queries.map(({ id }) => id)).size).toBe(1);
  });

  test('RFC 2308 7.1: a failure does not take the place of an answer that is kept', async () => {
    world = await startWorld();
    await world.replica.ask(www);
    world.upstream.script = servfail;
    await world.clock.advance(299_000);
    const kept = await world.replica.ask(www);
    expect(kept).toMatchObject({ code: 0, answers: ['www.example 1 A 192.0.2.1'] });
  });
});

describe('stale answers', () => {
  const stale = 'www.example 30 A 192.0.2.1';

  test('RFC 8767 5: are given where upstreams fail, with a TTL of 30 and 3', async () => {
    world = await startWorld();
    await world.replica.ask(www);
    world.upstream.script = servfail;
    await world.clock.advance(301_000);
    const response = await world.replica.ask(www);
    expect(response).toMatchObject({ code: 0, answers: [stale] });
    expect(codesOf(response)).toEqual(['3', '0']);
  });

  test('RFC 8767 5: a client waits 1.8 s for a fresh one, and the fetch goes on', async () => {
    world = await startWorld();
    await world.replica.ask(www);
    await world.clock.advance(301_000);
    const late = Promise.withResolvers<ScriptedReply>();
    world.upstream.script = () => late.promise;
    const { response, waitedMs } = await askPatiently(www, 50);
    expect(response.answers).toEqual([stale]);
    expect(waitedMs).toBeGreaterThanOrEqual(1800);
    expect(waitedMs).toBeLessThan(1900);
    late.resolve({ answers: [addressRecord('www.example', '192.0.2.2')] });
    await waitFor('the fetch to end', async () => {
      const { answers } = await world.replica.ask(www);
      return answers[0] === 'www.example 300 A 192.0.2.2';
    });
    expect(asked()).toBeLessThanOrEqual(4); // the first, and three of the refresh
  });

  test('RFC 8767 5: after a failure upstream is left alone for 30 s', async () => {
    world = await startWorld();
    await world.replica.ask(www);
    await world.clock.advance(301_000);
    world.upstream.script = servfail;
    world.resetQueries();
    await world.replica.ask(www);
    await world.clock.advance(29_999);
    expect((await world.replica.ask(www)).answers).toEqual([stale]);
    expect(asked()).toBe(1);
    await world.clock.advance(1);
    world.upstream.script = answerAll;
    expect((await world.replica.ask(www)).answers).toEqual(['www.example 300 A 192.0.2.1']);
    expect(asked()).toBe(2);
  });

  test('RFC 8767 5: are no longer given after cache.serveStale.staleSecondsMax', async () => {
    world = await startWorld(answerAll, { 'cache.serveStale.staleSecondsMax': '3600' });
    await world.replica.ask(www);
    world.upstream.script = servfail;
    await world.clock.advance(300_000 + 3_600_000);
    expect((await world.replica.ask(www)).code).toBe(0);
    await world.clock.advance(1);
    expect((await world.replica.ask(www)).code).toBe(2);
  });

  test('RFC 8767 4: an answer with a TTL of 0 is never given stale', async () => {
    world = await startWorld(({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', 0)] }));
    await world.replica.ask(www);
    world.upstream.script = servfail;
    expect((await world.replica.ask(www)).code).toBe(2);
  });

  test('RFC 8767 4, RFC 8914 4.20: NXDOMAIN is given stale as well, with 19', async () => {
    world = await startWorld(() => ({ code: 3, authorities: [soaRecord('example')] }));
    await world.replica.ask(www);
    world.upstream.script = servfail;
    await world.clock.advance(61_000);
    const response = await world.replica.ask(www);
    expect(response.code).toBe(3);
    expect(response.authorities[0]).toMatch(/^example 30 SOA/);
    expect(codesOf(response)).toEqual(['19', '0']);
  });

  test('RFC 8767 4: are replaced by an NXDOMAIN as by any answer', async () => {
    world = await startWorld();
    await world.replica.ask(www);
    world.upstream.script = () => ({ code: 3, authorities: [soaRecord('example')] });
    await world.clock.advance(301_000);
    expect((await world.replica.ask(www)).code).toBe(3);
  });

  test('RFC 8767 5: are not given where that is switched off', async () => {
    world = await startWorld(answerAll, { 'cache.serveStale.enabled': 'false' });
    await world.replica.ask(www);
    world.upstream.script = servfail;
    await world.clock.advance(301_000);
    expect((await world.replica.ask(www)).code).toBe(2);
  });
});

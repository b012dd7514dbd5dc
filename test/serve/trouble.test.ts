import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { SocketAddress } from '../../src/base/address.ts';
import { freePort } from '../support/free-ports.ts';
import { startReplica } from '../support/replica.ts';
import type { ReplicaOptions, TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function start(options: ReplicaOptions): Promise<TestReplica> {
  const replica = await startReplica(options);
  stops.push(() => replica.stop());
  return replica;
}

/** Passes datagrams on to a server and its answers back, as an address that leads to it does. */
async function startRelay(): Promise<{ text: string; leadTo: (server: SocketAddress) => void }> {
  const front = createSocket('udp4');
  front.bind(0, '127.0.0.1');
  await once(front, 'listening');
  let target: SocketAddress | undefined;
  const backs = new Set<ReturnType<typeof createSocket>>();
  front.on('message', (octets, from) => {
    if (target === undefined) return;
    const back = createSocket('udp4');
    backs.add(back);
    back.once('message', (answer) => {
      front.send(answer, from.port, from.address);
      backs.delete(back);
      back.close();
    });
    back.send(octets, target.port, target.host);
  });
  stops.push(() => {
    for (const back of backs) back.close();
    front.close();
    return once(front, 'close');
  });
  const text = `127.0.0.1:${String(front.address().port)}`;
  return { text, leadTo: (server) => (target = server) };
}

const www = { name: 'www.example', edns: {} };
const watching = { 'upstream.loopDetection': 'true' };

async function statesOf(replica: TestReplica): Promise<Record<string, unknown>[]> {
  const response = await replica.http('/api/v1/upstreams');
  return ((await response.json()) as { upstreams: Record<string, unknown>[] }).upstreams;
}

async function millisecondsOf(task: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await task();
  return performance.now() - startMs;
}

describe('a forwarding loop', () => {
  test('of two replicas is found, named in log, metric and state, and ends quickly', async () => {
    const [portA, portB] = [await freePort(), await freePort()];
    const [a, b] = [`127.0.0.1:${String(portA)}`, `127.0.0.1:${String(portB)}`];
    const first = await start({ upstreams: [b], set: { ...watching, 'listen.addresses': a } });
    const second = await start({ upstreams: [a], set: { ...watching, 'listen.addresses': b } });

    await waitFor(
      'the loop to be found',
      async () => (await statesOf(second))[0]?.['state'] === 'loop',
    );
    expect(await statesOf(second)).toMatchObject([{ server: a, state: 'loop' }]);
    expect(await second.metric('heimdall_upstream_loops_total{')).toEqual([
      `heimdall_upstream_loops_total{server="${a}"} 1`,
    ]);
    expect(await second.metric('heimdall_upstream_up{')).toEqual([
      `heimdall_upstream_up{server="${a}"} 0`,
    ]);
    expect(second.log()).toMatch(/"level":"warn".*"state":"loop".*leads back to this resolver/);

    const took = await millisecondsOf(async () => {
      const response = await second.ask(www);
      expect(response.code).toBe(2);
      expect(response.extendedErrors).toEqual(['22 every upstream leads back to this resolver']);
      expect((await first.ask(www)).code).toBe(2);
    });
    expect(took).toBeLessThan(2000);
  });

  test('over an address that nobody knew to be its own is found at the start', async () => {
    const [relay, port] = [await startRelay(), await freePort()];
    const upstream = await ScriptedUpstream.start();
    stops.push(() => upstream.stop());
    relay.leadTo({ host: '127.0.0.1', port });
    const replica = await start({
      upstreams: [relay.text, upstream.text],
      set: {
        ...watching,
        'upstream.strategy': 'sequential',
        'listen.addresses': `127.0.0.1:${String(port)}`,
      },
    });
    await waitFor(
      'the loop to be found',
      async () => (await statesOf(replica))[0]?.['state'] === 'loop',
    );
    expect((await replica.ask(www)).answers).toEqual(['www.example 300 A 192.0.2.1']);
    expect(await statesOf(replica)).toMatchObject([{ state: 'loop' }, { state: 'up' }]);
  });
});

describe('upstreams that cannot be reached', () => {
  test('over TCP: SERVFAIL with 23 at once, then from memory with 13', async () => {
    const port = await freePort();
    const replica = await start({ upstreams: [`tcp://127.0.0.1:${String(port)}`] });
    const took = await millisecondsOf(async () => {
      const response = await replica.ask(www);
      expect(response.code).toBe(2);
      expect(response.extendedErrors[0]).toMatch(/^23 no upstream answered: tcp:/);
    });
    expect(took).toBeLessThan(1000);
    const cached = await replica.ask(www);
    expect(cached.code).toBe(2);
    expect(cached.extendedErrors.at(-1)).toBe('13');
  });

  test('over UDP: SERVFAIL with 22 when the budget ends, then from memory at once', async () => {
    const port = await freePort();
    const budget = { 'upstream.queryBudgetMs': '1000' };
    const replica = await start({ upstreams: [`127.0.0.1:${String(port)}`], set: budget });
    const response = await replica.ask(www);
    expect(response.code).toBe(2);
    expect(response.extendedErrors[0]).toMatch(/^2[23] no upstream answered/);
    const took = await millisecondsOf(async () => {
      expect((await replica.ask(www)).extendedErrors.at(-1)).toBe('13');
    });
    expect(took).toBeLessThan(1000); // its budget: nobody was asked
  });

  test('one of two: the other answers', async () => {
    const port = await freePort();
    const upstream = await ScriptedUpstream.start();
    stops.push(() => upstream.stop());
    const replica = await start({
      upstreams: [`127.0.0.1:${String(port)}`, upstream.text],
      set: { 'upstream.strategy': 'sequential' },
    });
    expect((await replica.ask(www)).answers).toEqual(['www.example 300 A 192.0.2.1']);
  });

  test('that come back are used again, and answers replace the failures', async () => {
    const upstream = await ScriptedUpstream.start({ script: () => undefined });
    stops.push(() => upstream.stop());
    const replica = await start({
      upstreams: [upstream.text],
      set: {
        'upstream.queryBudgetMs': '200',
        'upstream.health.failureTimeoutMs': '100',
        'upstream.health.backoffMinMs': '100',
        'cache.failureTtlSeconds': '1',
      },
    });
    for (const name of ['a.example', 'b.example', 'c.example']) await replica.ask({ name });
    await waitFor('it to be down', async () => (await statesOf(replica))[0]?.['state'] === 'down');
    upstream.script = ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1')] });
    await waitFor('it to be up', async () => (await statesOf(replica))[0]?.['state'] === 'up');
    await waitFor('an answer', async () => (await replica.ask({ name: 'a.example' })).code === 0);
  });
});

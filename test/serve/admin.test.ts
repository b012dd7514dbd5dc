import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let upstream: ScriptedUpstream;
let replica: TestReplica;
beforeEach(async () => {
  upstream = await ScriptedUpstream.start();
  // On a busy machine a question must not go out twice: questions are counted here.
  const set = { 'upstream.tryTimeoutMinMs': '1500' };
  replica = await startReplica({ upstreams: [upstream.text], set });
});
afterEach(async () => {
  await replica.stop();
  await upstream.stop();
});

type Json = Readonly<Record<string, unknown>>;

async function call(method: string, path: string, body?: object): Promise<Json> {
  const response = await replica.http(`/api/v1/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Json;
}

function asked(): number {
  return upstream.queries.length;
}

describe('the admin API of a running replica', () => {
  test('shows what the cache holds for a name, and for what', async () => {
    await replica.ask({ name: 'www.example' });
    await replica.ask({ name: 'www.example', edns: { dnssecOk: true } });
    await replica.ask({ name: 'www.example' });
    const { entries } = await call('GET', 'cache/entries?name=WWW.example&type=A');
    expect(entries).toHaveLength(2);
    expect(entries).toContainEqual(
      expect.objectContaining({
        name: 'www.example.',
        type: 'A',
        kind: 'positive',
        dnssecOk: false,
        hits: 1,
        stale: false,
        records: [expect.stringMatching(/^www\.example\.\s+\d+\s+IN\s+A\s+192\.0\.2\.1$/)],
      }),
    );
    expect(await call('GET', 'cache/entries?name=other.example')).toEqual({ entries: [] });
  });

  test.each([
    ['a name', { name: 'a.www.example' }, 1, ['a.www.example']],
    ['a domain', { suffix: 'www.example' }, 2, ['a.www.example', 'www.example']],
    ['everything', { all: true }, 3, ['a.www.example', 'www.example', 'other.example']],
  ])('forgets %s, and nothing else', async (_what, target, flushed, gone) => {
    const names = ['a.www.example', 'www.example', 'other.example'];
    for (const name of names) await replica.ask({ name });
    expect(await call('POST', 'cache/flush', target)).toEqual({ flushed });
    upstream.queries.splice(0);
    for (const name of names) await replica.ask({ name });
    expect(upstream.queries.map(({ name }) => name.toLowerCase())).toEqual(gone);
  });

  test('a flush forgets failures too', async () => {
    upstream.script = () => ({ code: 2 });
    expect((await replica.ask({ name: 'www.example' })).code).toBe(2);
    upstream.script = ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1')] });
    expect((await replica.ask({ name: 'www.example' })).code).toBe(2);
    await call('POST', 'cache/flush', { name: 'www.example' });
    expect((await replica.ask({ name: 'www.example' })).code).toBe(0);
  });

  test('tells the state of upstreams', async () => {
    await replica.ask({ name: 'www.example' });
    const { upstreams } = await call('GET', 'upstreams');
    expect(upstreams).toMatchObject([{ server: upstream.text, state: 'up', responses: 1 }]);
  });

  test('counts hits of both ways, and misses', async () => {
    for (let count = 0; count < 3; count++) await replica.ask({ name: 'www.example' });
    const stats = await call('GET', 'cache/stats');
    expect(stats).toMatchObject({ entries: 1, hits: 2, misses: 1, insertions: 1 });
    const lookups = await replica.metric('heimdall_cache_lookups_total{');
    expect(lookups).toContain('heimdall_cache_lookups_total{result="hit"} 2');
    const queries = await replica.metric('heimdall_queries_total{');
    expect(queries).toContain('heimdall_queries_total{transport="udp",type="A"} 3');
  });

  test('changes the level of the log while it runs', async () => {
    expect(await call('PUT', 'log', { level: 'error' })).toMatchObject({ level: 'error' });
    upstream.script = () => undefined;
    expect(await call('PUT', 'log', { level: 'debug' })).toMatchObject({ level: 'debug' });
  });

  test('the query log takes every query, so the hot path is off while it is on', async () => {
    const lines = (): Json[] =>
      replica
        .log()
        .split('\n')
        .filter((line) => line.includes('"message":"query"'))
        .map((line) => JSON.parse(line) as Json);
    await replica.ask({ name: 'www.example' });
    await replica.ask({ name: 'www.example' });
    const { hotPath } = replica.resolver;
    expect([hotPath.hits, lines().length]).toEqual([1, 0]);

    await call('PUT', 'log', { queries: { enabled: true, clients: 'full' } });
    for (let count = 0; count < 3; count++) await replica.ask({ name: 'WWW.example' });
    await replica.askTcp({ name: 'localhost', type: 'AAAA' });
    await waitFor('the lines', () => lines().length >= 4);
    expect(lines()).toMatchObject([
      ...Array.from({ length: 3 }, () => ({
        client: '127.0.0.1',
        transport: 'udp',
        name: 'www.example.',
        type: 'A',
        code: 'NOERROR',
        layer: 'l1',
      })),
      { transport: 'tcp', name: 'localhost.', type: 'AAAA', layer: 'local' },
    ]);
    expect(hotPath.hits).toBe(1);

    await call('PUT', 'log', { queries: { enabled: false } });
    await replica.ask({ name: 'www.example' });
    expect([hotPath.hits, lines().length, asked()]).toEqual([2, 4, 1]);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import type { ReadMessage } from '../support/messages.ts';
import { answerAll, ScriptedUpstream, soaRecord } from '../support/scripted-upstream.ts';
import type { Script } from '../support/scripted-upstream.ts';
import { answerBySubnet, onBehalfOf, scopeIn } from '../support/subnets.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster, patient, queriesPerName } from './cluster.ts';

const ttlSeconds = 300;

let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  member = await startMember();
  cluster = await Cluster.start({
    replicas: 2,
    upstreams: [upstream],
    member,
    set: {
      ...patient,
      'cache.failureTtlSeconds': '5',
      'cache.serveStale.clientTimeoutMs': '500',
      'upstream.queryBudgetMs': '1500',
      'upstream.clientSubnet.policy': 'forward',
    },
  });
}, memberStartMs);

afterAll(async () => {
  await cluster?.stop();
  await member?.kill9();
  await upstream?.stop();
});

beforeEach(() => {
  upstream.script = answerAll;
  upstream.queries.length = 0;
});

function ttlOf({ answers }: ReadMessage): number {
  return Number(answers[0]?.split(' ')[1]);
}

function asked(name: string): number {
  return queriesPerName([upstream]).get(name) ?? 0;
}

/** Until as many answers are in the grid as this replica gave it. */
async function shared(entries: number): Promise<void> {
  const series = 'heimdall_grid_operation_seconds_count{operation="share",outcome="ok"}';
  await waitFor('an answer to be shared', async () => (await cluster.sum(series)) >= entries);
}

async function sharedSoFar(): Promise<number> {
  return cluster.sum('heimdall_grid_operation_seconds_count{operation="share",outcome="ok"}');
}

/** Asks the first replica, and waits until the answer is in the grid. */
async function fetchByFirst(name: string): Promise<ReadMessage> {
  const before = await sharedSoFar();
  const answer = await cluster.client(0).read(name);
  await shared(before + 1);
  return answer;
}

describe('an answer that one replica fetched', () => {
  test('is served by another without an upstream query', async () => {
    const first = await fetchByFirst('shared.example');
    const second = await cluster.client(1).read('shared.example');
    expect(second.answers.map(withoutTtl)).toEqual(first.answers.map(withoutTtl));
    expect(ttlOf(second)).toBeLessThanOrEqual(ttlSeconds);
    expect(ttlOf(second)).toBeGreaterThan(ttlSeconds - 5);
    expect(asked('shared.example')).toBe(1);
  });

  test('on behalf of a subnet is for the same one elsewhere, and for no other (RFC 7871 7.3.1)', async () => {
    upstream.script = answerBySubnet;
    const ask = (replica: number, prefix: string): Promise<ReadMessage> =>
      cluster.client(replica).read('s24.example', { edns: onBehalfOf(prefix) });
    const before = await sharedSoFar();
    const first = await ask(0, '198.51.100.0/24');
    await shared(before + 1);
    const same = await ask(1, '198.51.100.0/24');
    expect(same.answers.map(withoutTtl)).toEqual(['s24.example A 203.0.113.100']);
    expect([first, same].map(scopeIn)).toEqual(['00011818c63364', '00011818c63364']);
    expect(asked('s24.example')).toBe(1);
    const other = await ask(1, '198.51.101.0/24');
    expect(other.answers.map(withoutTtl)).toEqual(['s24.example A 203.0.113.101']);
    expect(asked('s24.example')).toBe(2);
  });

  test('has its age with it: the TTL goes on counting down (RFC 1035 3.2.1)', async () => {
    upstream.script = ({ name }) => ({
      answers: [{ type: 'A', name, ttl: 8, data: '192.0.2.1' }],
    });
    await fetchByFirst('aged.example');
    const fetchedMs = performance.now();
    await waitFor(
      'the answer to age',
      async () => ttlOf(await cluster.client(0).read('aged.example')) <= 5,
    );
    const secondsSince = (performance.now() - fetchedMs) / 1000;
    const second = await cluster.client(1).read('aged.example');
    expect(asked('aged.example')).toBe(1);
    expect(ttlOf(second)).toBeLessThanOrEqual(Math.ceil(8 - secondsSince));
    expect(ttlOf(second)).toBeGreaterThanOrEqual(Math.floor(8 - secondsSince) - 2);
  });

  test('is not served after its TTL', async () => {
    upstream.script = ({ name }) => ({ answers: [{ type: 'A', name, ttl: 1, data: '192.0.2.1' }] });
    await fetchByFirst('short.example');
    const fetchedMs = performance.now();
    await waitFor('it to expire', () => performance.now() - fetchedMs > 1000);
    upstream.script = ({ name }) => ({ answers: [{ type: 'A', name, ttl: 1, data: '192.0.2.2' }] });
    const second = await cluster.client(1).read('short.example');
    expect(second.answers[0]).toContain('192.0.2.2');
  });

  test('is NXDOMAIN for all types of its name (RFC 2308)', async () => {
    upstream.script = () => ({ code: 3, authorities: [soaRecord('example')] });
    const first = await fetchByFirst('absent.example');
    expect(first.code).toBe(3);
    const second = await cluster.client(1).read('absent.example', { type: 'AAAA' });
    expect(second.code).toBe(3);
    expect(asked('absent.example')).toBe(1);
  });
});

describe('a failure that one replica met', () => {
  test.each<[what: string, script: Script]>([
    ['SERVFAIL', () => ({ code: 2 })],
    ['silence', () => undefined],
  ])('%s is not met again by another for a while (RFC 9520)', async (what, script) => {
    const name = `${what.toLowerCase()}.failing.example`;
    upstream.script = script;
    const marked = 'heimdall_grid_operation_seconds_count{operation="failure_mark",outcome="ok"}';
    const marksBefore = await cluster.sum(marked);
    expect((await cluster.client(0).read(name)).code).toBe(2);
    const queriesBefore = asked(name);
    expect(queriesBefore).toBeGreaterThan(0);
    await waitFor('the failure to be told', async () => (await cluster.sum(marked)) > marksBefore);
    const second = await cluster.client(1).read(name, { edns: {} });
    expect(second.code).toBe(2);
    expect(second.extendedErrors.join()).toContain('13 another replica failed');
    expect(asked(name)).toBe(queriesBefore);
  });

  test('takes no good answer away from the others', async () => {
    await fetchByFirst('good.example');
    upstream.script = () => ({ code: 2 });
    const answer = await cluster.client(1).read('good.example');
    expect(answer.code).toBe(0);
    expect(answer.answers).toHaveLength(1);
  });
});

describe('a stale answer', () => {
  test('of the grid serves a replica that never had it, while upstream is mute (RFC 8767)', async () => {
    upstream.script = ({ name }) => ({ answers: [{ type: 'A', name, ttl: 1, data: '192.0.2.1' }] });
    await fetchByFirst('stale.example');
    const fetchedMs = performance.now();
    await waitFor('it to expire', () => performance.now() - fetchedMs > 1500);
    upstream.script = () => undefined;
    const answer = await cluster.client(1).read('stale.example', { edns: {} });
    expect(answer.code).toBe(0);
    expect(answer.answers[0]).toBe('stale.example 30 A 192.0.2.1');
    expect(answer.extendedErrors.some((text) => text.startsWith('3'))).toBe(true);
  });
});

function withoutTtl(record: string): string {
  return record.replace(/ \d+ /, ' ');
}

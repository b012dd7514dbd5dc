import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UdpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import type { QueryParts } from '../support/messages.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream, soaRecord } from '../support/scripted-upstream.ts';

let upstream: ScriptedUpstream;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    script: ({ name, type }) => {
      if (name.startsWith('broken')) return { code: 2 };
      if (name.startsWith('none')) return { code: 3, authorities: [soaRecord('example')] };
      return { answers: type === 'A' ? [addressRecord(name, '192.0.2.1')] : [] };
    },
  });
});
afterAll(() => upstream.stop());

const quiet = {
  'upstream.caseRandomization': 'false',
  'local.records': 'nas.lan A 192.0.2.9',
  'filter.types': 'HINFO',
};

function start(set: Readonly<Record<string, string>>): Promise<TestReplica> {
  return startReplica({ upstreams: [upstream.text], set: { ...quiet, ...set } });
}

/** One query of each kind, and the same name again. */
const asked: readonly QueryParts[] = [
  { name: 'www.example' },
  { name: 'WWW.example' },
  { name: 'none.example' },
  { name: 'broken.example', type: 'AAAA' },
  { name: 'nas.lan' },
  { name: 'www.example', type: 'HINFO' },
  { name: 'www.example', recursionDesired: false },
];

describe('what was asked and answered', () => {
  let replica: TestReplica;
  beforeAll(async () => {
    replica = await start({});
    for (const parts of asked) await replica.ask(parts);
    await replica.askTcp({ name: 'www.example' });
  });
  afterAll(() => replica.stop());

  test.each([
    ['heimdall_queries_total{transport="udp",type="A"}', 5],
    ['heimdall_queries_total{transport="udp",type="AAAA"}', 1],
    ['heimdall_queries_total{transport="tcp",type="A"}', 1],
    ['heimdall_responses_total{transport="udp",code="NOERROR"}', 4],
    ['heimdall_responses_total{transport="udp",code="NXDOMAIN"}', 1],
    ['heimdall_responses_total{transport="udp",code="SERVFAIL"}', 1],
    ['heimdall_responses_total{transport="udp",code="REFUSED"}', 1],
    ['heimdall_query_duration_seconds_count{layer="l1"}', 2],
    ['heimdall_query_duration_seconds_count{layer="upstream"}', 2],
    ['heimdall_query_duration_seconds_count{layer="failure"}', 1],
    ['heimdall_query_duration_seconds_count{layer="local"}', 1],
    ['heimdall_query_duration_seconds_count{layer="filter"}', 1],
    ['heimdall_query_duration_seconds_count{layer="admit"}', 1],
    ['heimdall_cache_lookups_total{result="hit"}', 2],
    ['heimdall_cache_lookups_total{result="miss"}', 3],
    ['heimdall_cache_entries', 2],
    ['heimdall_filter_screened_total{reason="type"}', 1],
  ])('is counted: %s %i', async (series, value) => {
    expect(await replica.metric(`${series} `)).toEqual([`${series} ${String(value)}`]);
  });

  test('is counted of each upstream, response by response', async () => {
    const codes = await replica.metric('heimdall_upstream_responses_total');
    expect(codes.map((line) => line.replace(upstream.text, 'it')).toSorted()).toEqual([
      'heimdall_upstream_responses_total{server="it",code="NOERROR"} 1',
      'heimdall_upstream_responses_total{server="it",code="NXDOMAIN"} 1',
      'heimdall_upstream_responses_total{server="it",code="SERVFAIL"} 1',
    ]);
  });
});

interface Line {
  readonly message?: string;
  readonly name?: string;
  readonly durationMs?: number;
}

describe('the query log', () => {
  let replica: TestReplica | undefined;
  afterAll(() => replica?.stop());

  function lines(): Line[] {
    const all = replica?.log().trim().split('\n') ?? [];
    return all.map((line) => JSON.parse(line) as Line).filter(({ message }) => message === 'query');
  }

  test('has a line for each query, hits included, with what was asked and where the answer came from', async () => {
    replica = await start({ 'log.queries.enabled': 'true', 'log.queries.clients': 'full' });
    for (const parts of asked) await replica.ask(parts);
    await replica.askTcp({ name: 'www.example' });
    expect(lines()).toHaveLength(asked.length + 1);
    const [first, again, none, broken, own, type, refused, overTcp] = lines();
    expect(first).toMatchObject({
      client: '127.0.0.1',
      transport: 'udp',
      name: 'www.example.',
      type: 'A',
      code: 'NOERROR',
      layer: 'upstream',
    });
    expect(first?.durationMs).toBeGreaterThan(0);
    expect(again).toMatchObject({ name: 'www.example.', layer: 'l1' });
    expect(none).toMatchObject({ code: 'NXDOMAIN' });
    expect(broken).toMatchObject({ type: 'AAAA', code: 'SERVFAIL', layer: 'failure' });
    expect(own).toMatchObject({ layer: 'local', detail: 'record' });
    expect(type).toMatchObject({ type: 'HINFO', layer: 'filter' });
    expect(refused).toMatchObject({ code: 'REFUSED', layer: 'admit' });
    expect(overTcp).toMatchObject({ transport: 'tcp', layer: 'l1' });
    await replica.stop();
    replica = undefined;
  });

  test.each([
    ['prefix', '127.0.0.0/24'],
    ['none', undefined],
  ])('tells of clients what it may: %s', async (detail, shown) => {
    replica = await start({ 'log.queries.enabled': 'true', 'log.queries.clients': detail });
    const client = new UdpClient(replica.address, '127.0.0.77');
    expect(readMessage(await client.ask(encodeQuery({ name: 'www.example' }))).code).toBe(0);
    await client.close();
    expect(lines().map((line) => ({ client: undefined, ...line }).client)).toEqual([shown]);
    expect(replica.log()).not.toContain('127.0.0.77');
    await replica.stop();
    replica = undefined;
  });
});

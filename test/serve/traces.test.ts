import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: { stringValue?: string } }[];
  readonly status?: { readonly code: number };
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: SentSpan['attributes'] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

let upstream: ScriptedUpstream;
let replica: TestReplica | undefined;
let collector: Server;
let endpoint: string;
let status: number;
const bodies: Sent[] = [];

beforeEach(async () => {
  bodies.length = 0;
  status = 200;
  upstream = await ScriptedUpstream.start();
  collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      expect(request.headers['content-type']).toBe('application/json');
      bodies.push(JSON.parse(Buffer.concat(chunks).toString()) as Sent);
      response.writeHead(status).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  endpoint = `http://127.0.0.1:${String((collector.address() as AddressInfo).port)}/v1/traces`;
});

afterEach(async () => {
  await replica?.stop();
  replica = undefined;
  await upstream.stop();
  collector.closeAllConnections();
  await new Promise((resolve) => {
    collector.close(resolve);
  });
});

async function start(set: Readonly<Record<string, string>> = {}): Promise<TestReplica> {
  replica = await startReplica({
    upstreams: [upstream.text],
    set: {
      'upstream.loopDetection': 'false',
      'traces.endpoint': endpoint,
      'traces.sampleShare': '1',
      ...set,
    },
  });
  return replica;
}

/** All spans, once the replica has sent what it had. */
async function spansAtTheEnd(): Promise<SentSpan[]> {
  await replica?.stop();
  replica = undefined;
  return bodies.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
  );
}

function textOf(span: SentSpan | undefined, key: string): string | undefined {
  return span?.attributes.find((attribute) => attribute.key === key)?.value.stringValue;
}

test('a miss is a trace: a span for each stage within the one before, the exchange the innermost', async () => {
  const running = await start();
  await running.ask({ name: 'www.example.com' });
  await running.ask({ name: 'www.example.com' }); // a hit: no span
  const spans = await spansAtTheEnd();
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect(byId.size).toBe(spans.length);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const chain: string[] = [];
  let span = spans.find(({ name }) => name === 'exchange');
  for (; span !== undefined; span = byId.get(span.parentSpanId ?? '')) chain.push(span.name);
  expect(chain).toEqual(
    ['exchange', 'forward', 'confirm', 'lease', 'shared-cache', 'keep', 'flight', 'search'].concat([
      'cache',
      'dns64',
      'subnet',
      'filter',
      'screen',
      'local',
      'admit',
      'query',
    ]),
  );
  expect(spans).toHaveLength(chain.length);
  const root = spans.find(({ name }) => name === 'query');
  expect(root).toMatchObject({
    kind: 2,
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
  });
  expect(textOf(root, 'dns.question.name')).toBe('www.example.com.');
  expect(textOf(root, 'dns.question.type')).toBe('A');
  expect(textOf(root, 'dns.response.code')).toBe('NOERROR');
  expect(textOf(root, 'heimdall.layer')).toBe('upstream');
  for (const { startTimeUnixNano, endTimeUnixNano, parentSpanId } of spans) {
    const parent = byId.get(parentSpanId ?? '') ?? root;
    expect(BigInt(startTimeUnixNano) >= BigInt(parent?.startTimeUnixNano ?? 0)).toBe(true);
    expect(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano)).toBe(true);
  }
  const [{ resource } = { resource: { attributes: [] } }] = bodies[0]?.resourceSpans ?? [];
  expect(resource.attributes).toContainEqual({
    key: 'service.name',
    value: { stringValue: 'heimdall' },
  });
});

test('a failure is an error, in the exchange and in all above it', async () => {
  upstream.script = () => undefined;
  const running = await start({ 'upstream.queryBudgetMs': '300' });
  expect((await running.ask({ name: 'silent.example' })).code).toBe(2);
  const spans = await spansAtTheEnd();
  const failed = spans.filter(({ status: ended }) => ended?.code === 2).map(({ name }) => name);
  expect(failed).toEqual(expect.arrayContaining(['exchange', 'forward', 'query']));
});

test('with a share of 0 nothing is recorded or sent', async () => {
  const running = await start({ 'traces.sampleShare': '0' });
  await running.ask({ name: 'www.example.com' });
  expect(await spansAtTheEnd()).toEqual([]);
});

test('a collector that refuses costs the spans, which are counted, and no answer', async () => {
  status = 503;
  const running = await start();
  expect((await running.ask({ name: 'www.example.com' })).code).toBe(0);
  await waitFor('the sending', () => bodies.length === 1);
  await waitFor('the count', async () => {
    const [dropped = ''] = await running.metric('heimdall_trace_spans_total{result="dropped"}');
    return Number(dropped.split(' ')[1]) > 0;
  });
  expect(running.log()).toContain('nobody takes traces');
});

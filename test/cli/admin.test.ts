import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { run } from './recorded-io.ts';

interface Call {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: string;
}

let server: Server;
let base: string;
let calls: Call[];
let reply: { status: number; body: unknown };

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

beforeEach(async () => {
  calls = [];
  reply = { status: 200, body: {} };
  server = createServer((request, response) => {
    void textOf(request).then((body) => {
      const { method, url, headers } = request;
      calls.push({ method, url, authorization: headers.authorization, body });
      response.writeHead(reply.status, { 'content-type': 'application/json', connection: 'close' });
      response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});

afterEach(async () => {
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
});

const api = (...argv: string[]) => run([...argv, '--api', base]);

describe('the commands that ask a running replica', () => {
  test('upstreams prints a table of what the replica tells', async () => {
    reply.body = {
      upstreams: [
        {
          server: '9.9.9.9:53',
          route: '.',
          transport: 'udp',
          state: 'down',
          smoothedRttMs: 12.345,
          responses: 10,
          failures: 3,
          consecutiveFailures: 3,
          retryInMs: 1500,
          lastFailure: 'timeout',
        },
      ],
    };
    const { code, stdout } = await api('upstreams');
    expect(code).toBe(0);
    expect(calls[0]).toMatchObject({ method: 'GET', url: '/api/v1/upstreams' });
    expect(stdout).toMatch(/^SERVER\s+ROUTE\s+TRANSPORT\s+STATE/);
    expect(stdout).toMatch(/9\.9\.9\.9:53\s+\.\s+udp\s+down\s+12\.3\s+10\s+3\s+3\s+1500\s+timeout/);
  });

  test('--json prints the answer of the API', async () => {
    reply.body = { entries: 3, hits: 10 };
    const { stdout } = await api('cache', 'stats', '--json');
    expect(JSON.parse(stdout)).toEqual({ entries: 3, hits: 10 });
  });

  test('cache stats prints whatever numbers come', async () => {
    reply.body = { entries: 3, ghosts: 7 };
    const { stdout } = await api('cache', 'stats');
    expect(stdout).toMatch(/entries\s+3\nghosts\s+7/);
  });
});

describe('cache get and flush', () => {
  test('cache get prints entries with their records', async () => {
    reply.body = {
      entries: [
        {
          name: 'a.example.',
          type: 'A',
          kind: 'positive',
          ttlSeconds: 30,
          ageSeconds: 12,
          stale: true,
          dnssecOk: true,
          checkingDisabled: false,
          hits: 4,
          records: ['a.example. 30 IN A 192.0.2.1'],
        },
      ],
    };
    const { code, stdout } = await api('cache', 'get', 'a.example', 'A');
    expect(code).toBe(0);
    expect(calls[0]?.url).toBe('/api/v1/cache/entries?name=a.example&type=A');
    expect(stdout).toContain(
      'a.example. A: positive, 30 s left, 12 s old, 4 hits, dnssec ok, stale',
    );
    expect(stdout).toContain('\na.example. 30 IN A 192.0.2.1\n');
  });

  test('cache get exits with 1 when there is nothing', async () => {
    reply.body = { entries: [] };
    const { code, stderr } = await api('cache', 'get', '1234');
    expect(code).toBe(1);
    expect(stderr).toContain('nothing for 1234');
  });

  test.each([
    [['--name', 'a.example'], { name: 'a.example' }],
    [['--suffix', 'example'], { suffix: 'example' }],
    [['--all'], { all: true }],
  ])('cache flush %j posts %j', async (argv, body) => {
    reply.body = { flushed: 2 };
    const { code, stdout } = await api('cache', 'flush', ...argv);
    expect(code).toBe(0);
    expect(calls[0]).toMatchObject({ method: 'POST', url: '/api/v1/cache/flush' });
    expect(JSON.parse(calls[0]?.body ?? '')).toEqual(body);
    expect(stdout).toBe('2 entries flushed\n');
  });
});

describe('calls of the admin API', () => {
  test('the token of the flag, else of the environment, is sent', async () => {
    await api('upstreams', '--token', 'one');
    await run(['upstreams'], { HEIMDALL_API: base, HEIMDALL_HTTP_TOKEN: 'two' });
    await run(['upstreams'], { HEIMDALL_API: base, HEIMDALL_HTTP_TOKEN: '' });
    expect(calls.map((call) => call.authorization)).toEqual([
      'Bearer one',
      'Bearer two',
      undefined,
    ]);
  });

  test('a refusal exits with 1 and prints its message', async () => {
    reply = { status: 403, body: { error: { code: 'forbidden', message: 'a token is needed' } } };
    const { code, stderr } = await api('upstreams');
    expect(code).toBe(1);
    expect(stderr).toContain('HTTP status 403: a token is needed');
  });

  test('an answer that is no JSON exits with 1', async () => {
    reply.body = '<html>';
    expect((await api('upstreams')).code).toBe(1);
  });

  test('an API that cannot be reached exits with 4', async () => {
    server.close();
    await once(server, 'close');
    const { code, stderr } = await api('upstreams');
    expect(code).toBe(4);
    expect(stderr).toContain('cannot reach the admin API');
  });
});

describe('healthcheck', () => {
  test('exits with 0 when the replica is ready', async () => {
    reply.body = 'ready\n';
    const { code, stdout } = await api('healthcheck');
    expect(code).toBe(0);
    expect(calls[0]?.url).toBe('/readyz');
    expect(stdout).toBe('healthy: HTTP 200 ready\n');
  });

  test('--live asks whether it lives', async () => {
    await api('healthcheck', '--live');
    expect(calls[0]?.url).toBe('/healthz');
  });

  test('exits with 1 when it is not ready', async () => {
    reply = { status: 503, body: 'draining' };
    const { code, stdout } = await api('healthcheck', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ healthy: false, detail: 'HTTP 503 draining' });
  });

  test('exits with 1, the only other code that probes know, when nothing listens', async () => {
    server.close();
    await once(server, 'close');
    expect((await api('healthcheck')).code).toBe(1);
  });
});

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ListenFailed } from '../../src/base/errors.ts';
import { GridUnavailable } from '../../src/base/errors.ts';
import type { ClusterCounters } from '../../src/telemetry/cluster-counters.ts';
import { samplesOf, startHttp } from './support.ts';
import type { RunningHttp } from './support.ts';

/** Sends octets on a connection of its own, and reads until the server closes it. */
function exchangeRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(text));
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString();
    });
    socket.once('close', () => resolve(received));
    socket.once('error', reject);
  });
}

async function errorOf(response: Response): Promise<unknown> {
  const { error } = (await response.json()) as { error: { code: string } };
  return error.code;
}

describe('the HTTP server', () => {
  let http: RunningHttp;
  beforeEach(async () => {
    http = await startHttp();
  });
  afterEach(() => http.stop());

  test('/metrics is a page for Prometheus', async () => {
    const response = await http.get('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(samplesOf(await response.text()).get('heimdall_cache_entries')).toBe(3);
  });

  test('/healthz says that the process lives, ready or not', async () => {
    const response = await http.get('/healthz');
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('ok\n');
  });

  test('/readyz tells why not, and changes when nothing speaks against it any more', async () => {
    const before = await http.get('/readyz');
    expect(before.status).toBe(503);
    expect(await before.json()).toEqual({
      ready: false,
      reasons: [{ name: 'starting', message: 'the replica is starting' }],
    });
    http.figures.readiness.clear('starting');
    const after = await http.get('/readyz');
    expect(after.status).toBe(200);
    expect(await after.json()).toEqual({ ready: true, reasons: [] });
    http.figures.readiness.block('draining', 'the replica is stopping');
    expect((await http.get('/readyz')).status).toBe(503);
  });

  test('/metrics/cluster says that there is no cluster', async () => {
    const response = await http.get('/metrics/cluster');
    expect(response.status).toBe(404);
    expect(await errorOf(response)).toBe('no_cluster');
  });

  test('/ is the status page, which loads nothing from elsewhere', async () => {
    const response = await http.get('/');
    const page = await response.text();
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    const loaded = [...page.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path = '']) => path);
    expect(loaded).toEqual(expect.arrayContaining(['/status.css', '/status.js', '/metrics']));
    expect(loaded.filter((path) => !path.startsWith('/'))).toEqual([]);
    for (const path of ['/status.css', '/status.js']) {
      expect((await http.get(path)).status).toBe(200);
    }
  });

  test('HEAD is answered as GET without the body', async () => {
    const response = await http.get('/healthz', { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe('3');
    expect(await response.text()).toBe('');
  });

  test('every response forbids caching, sniffing and embedding', async () => {
    const { headers } = await http.get('/nowhere');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  test('an unknown path is 404, a wrong method 405 with what is allowed', async () => {
    const missing = await http.get('/metrics/');
    expect(missing.status).toBe(404);
    expect(await errorOf(missing)).toBe('not_found');
    const wrong = await http.get('/metrics', { method: 'DELETE' });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toBe('GET, HEAD');
    expect(await errorOf(wrong)).toBe('method_not_allowed');
  });

  test('requests are counted by the path of their route, unknown ones as one', async () => {
    await http.get('/healthz');
    await http.get('/healthz?x=1');
    for (let number = 0; number < 20; number++) await http.get(`/guess/${String(number)}`);
    expect(http.figures.http.samples()).toEqual([
      { labels: { path: '/healthz', code: '200' }, value: 2 },
      { labels: { path: 'other', code: '404' }, value: 20 },
    ]);
  });

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n', '400'],
    ['a TLS hello', '\u0016\u0003\u0001\u0002\u0000\u0001', '400'],
    ['an endless header', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, '431'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
      '400',
    ],
  ])('%s is refused, and the server lives on', async (_what, text, status) => {
    const response = await exchangeRaw(http.port, text);
    expect(response).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(response).toContain('"code":"bad_request"');
    expect((await http.get('/healthz')).status).toBe(200);
  });

  test.each([
    ['a target that is no path', 'GET //[ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', '404'],
    ['HTTP/1.0, to the admin API without Host', 'GET /api/v1/version HTTP/1.0\r\n\r\n', '403'],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', '404'],
    [
      'an escape that ends early',
      'GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      '404',
    ],
  ])('%s is answered', async (_what, text, status) => {
    expect(await exchangeRaw(http.port, text)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  test('a connection serves several requests', async () => {
    const text = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n';
    const last = 'GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    const received = await exchangeRaw(http.port, text + last);
    expect(received.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
  });

  test('a client that goes away in the middle of its request is no error', async () => {
    const socket = connect(http.port, '127.0.0.1', () =>
      socket.write(
        'POST /api/v1/cache/flush HTTP/1.1\r\nhost: 127.0.0.1\r\n' +
          'content-type: application/json\r\ncontent-length: 100\r\n\r\n{"na',
        () => socket.resetAndDestroy(),
      ),
    );
    await new Promise((resolve) => socket.once('close', resolve));
    expect((await http.get('/healthz')).status).toBe(200);
    expect(http.actions.calls).toEqual([]);
  });

  test('stop gives those who are connected a second, and frees the port', async () => {
    const idle = connect(http.port, '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    await http.get('/healthz');
    const closed = new Promise((resolve) => idle.once('close', resolve));
    const stopped = http.stop();
    await http.clock.advance(1000);
    await stopped;
    await closed;
    expect(http.clock.timersPending).toBe(0);
    await expect(http.get('/healthz')).rejects.toThrow();
  });
});

describe('the HTTP server of a cluster', () => {
  test('/metrics/cluster says so when the grid does not answer', async () => {
    const clusterCounters: ClusterCounters = {
      publish: () => undefined,
      totals: () => Promise.reject(new GridUnavailable('the grid does not tell')),
    };
    const http = await startHttp({ clusterCounters });
    const response = await http.get('/metrics/cluster');
    expect(response.status).toBe(503);
    expect(await errorOf(response)).toBe('grid_unavailable');
    await http.stop();
  });

  test('/metrics/cluster tells the sums', async () => {
    const clusterCounters: ClusterCounters = {
      publish: () => undefined,
      totals: () =>
        Promise.resolve([
          { name: 'heimdall_cache_insertions_total', labels: {}, value: 99 },
          { name: 'heimdall_query_duration_seconds_sum', labels: { layer: 'l1' }, value: 0.5 },
        ]),
    };
    const http = await startHttp({ clusterCounters });
    const page = await (await http.get('/metrics/cluster')).text();
    await http.stop();
    expect(page).toContain('# TYPE heimdall_query_duration_seconds histogram');
    expect([...samplesOf(page)]).toEqual([
      ['heimdall_query_duration_seconds_sum{layer="l1"}', 0.5],
      ['heimdall_cache_insertions_total', 99],
    ]);
  });
});

describe('a port that is taken', () => {
  test('fails with a sentence that says what to do', async () => {
    const first = await startHttp();
    const second = startHttp({ port: first.port });
    await expect(second).rejects.toThrow(ListenFailed);
    await expect(second).rejects.toThrow(/another process does; stop it or set http\.address/);
    await first.stop();
  });
});

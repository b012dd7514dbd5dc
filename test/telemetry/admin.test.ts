import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ConfigInvalid } from '../../src/base/errors.ts';
import { startHttp } from './support.ts';
import type { RunningHttp } from './support.ts';

let http: RunningHttp;
afterEach(() => http.stop());

const token = 'a-secret-of-an-operator';
const json = { 'content-type': 'application/json' };

function send(method: string, path: string, body?: unknown): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return http.get(path, { method, headers: json, ...(text !== undefined && { body: text }) });
}

/** For headers that fetch does not let one set. */
function statusWith(path: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { port } = http;
    httpRequest({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
    })
      .once('error', reject)
      .end();
  });
}

async function refusal(response: Response): Promise<[number, string, string]> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return [response.status, error.code, error.message];
}

describe('the admin API answers', () => {
  test('what runs, how it is configured, and what it holds', async () => {
    http = await startHttp();
    const read = async (path: string): Promise<unknown> => (await http.get(path)).json();
    expect(await read('/api/v1/version')).toMatchObject({ version: '1.2.3' });
    expect(await read('/api/v1/config')).toEqual({ http: { token: '***' } });
    expect(await read('/api/v1/upstreams')).toEqual({ upstreams: [] });
    expect(await read('/api/v1/cluster')).toMatchObject({ state: 'off', members: [] });
    expect(await read('/api/v1/cache/stats')).toMatchObject({ entries: 3, limitBytes: 65_536 });
  });

  test('entries of the cache by name and type, in wire form and lower case', async () => {
    http = await startHttp();
    const response = await http.get('/api/v1/cache/entries?name=WWW.Example&type=aaaa');
    expect(await response.json()).toEqual({ entries: [] });
    await http.get('/api/v1/cache/entries?name=.');
    expect(http.actions.calls).toEqual([
      { name: '\u0003www\u0007example\0', type: 28 },
      { name: '\0', type: undefined },
    ]);
  });

  test.each([
    ['', /name must be a domain name/],
    ['?name=a..b', /empty label/],
    ['?name=a&type=NOPE', /record type/],
    ['?name=a&nam=b', /unknown parameter "nam"/],
  ])('entries%s with 400', async (search, message) => {
    http = await startHttp();
    const [status, code, text] = await refusal(await http.get(`/api/v1/cache/entries${search}`));
    expect([status, code]).toEqual([400, 'bad_request']);
    expect(text).toMatch(message);
  });

  test('a flush by name, by suffix or of all with the number of entries', async () => {
    http = await startHttp();
    const response = await send('POST', '/api/v1/cache/flush', { name: 'A.example' });
    expect(await response.json()).toEqual({ flushed: 42 });
    await send('POST', '/api/v1/cache/flush', { suffix: 'example' });
    await send('POST', '/api/v1/cache/flush', { all: true });
    expect(http.actions.calls).toEqual([
      { kind: 'name', name: Buffer.from('\u0001a\u0007example\0') },
      { kind: 'suffix', suffix: Buffer.from('\u0007example\0') },
      { kind: 'all' },
    ]);
  });

  test.each([
    [undefined, /JSON object with name, suffix, all/],
    ['{', /no JSON/],
    ['null', /JSON object/],
    [[], /JSON object/],
    [{}, /one of name, suffix, all/],
    [{ name: 'a', all: true }, /one of name, suffix, all/],
    [{ all: false }, /all must be true/],
    [{ name: 1 }, /name must be a domain name/],
    [{ suffix: 'a..' }, /suffix: .*empty label/],
    [{ nmae: 'a' }, /unknown key "nmae"/],
  ])('a flush of %j with 400', async (body, message) => {
    http = await startHttp();
    const [status, , text] = await refusal(await send('POST', '/api/v1/cache/flush', body));
    expect(status).toBe(400);
    expect(text).toMatch(message);
    expect(http.actions.calls).toEqual([]);
  });

  test('a change of the log with its new state', async () => {
    http = await startHttp();
    const change = {
      level: 'debug',
      queries: { enabled: true, sampleShare: 0.5, clients: 'none' },
    };
    const response = await send('PUT', '/api/v1/log', change);
    expect(await response.json()).toMatchObject({ queries: { enabled: true, sampleShare: 0.5 } });
    expect(http.actions.calls).toEqual([change]);
  });

  test.each([
    [{}, /level or queries/],
    [{ level: 'loud' }, /one of error, warn, info, debug/],
    [{ queries: true }, /queries must be a JSON object/],
    [{ queries: { enabled: 'yes' } }, /true or false/],
    [{ queries: { sampleShare: 2 } }, /from 0 to 1/],
    [{ queries: { clients: 'some' } }, /full, prefix, none/],
    [{ queries: { share: 1 } }, /unknown key "share"/],
  ])('a change of the log to %j with 400', async (body, message) => {
    http = await startHttp();
    const [status, , text] = await refusal(await send('PUT', '/api/v1/log', body));
    expect(status).toBe(400);
    expect(text).toMatch(message);
  });

  test('a reload with what came of it, and a bad file with what is wrong in it', async () => {
    http = await startHttp();
    const good = await send('POST', '/api/v1/config/reload');
    expect(await good.json()).toEqual({ applied: ['log.level'], restartNeeded: [] });
    http.actions.failure = new ConfigInvalid([
      { source: 'heimdall.yaml', line: 3, path: 'log.level', message: 'found "loud"' },
    ]);
    const bad = await send('POST', '/api/v1/config/reload', {});
    expect(bad.status).toBe(422);
    expect(await bad.json()).toMatchObject({
      error: { code: 'config_invalid', problems: ['heimdall.yaml:3: log.level: found "loud"'] },
    });
    expect((await send('POST', '/api/v1/config/reload', { x: 1 })).status).toBe(400);
  });

  test('500 without details when it fails itself, and the log has them', async () => {
    http = await startHttp();
    http.actions.failure = new Error('the disk is on fire');
    const response = await send('POST', '/api/v1/config/reload');
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).toContain('"code":"internal"');
    expect(text).not.toContain('fire');
    expect(http.log.lines).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'an HTTP request failed' }),
    );
  });

  test('a body of more than 64 KiB with 413, announced or not', async () => {
    http = await startHttp();
    const large = `{"name":"${'x'.repeat(65 * 1024)}"}`;
    const announced = await send('POST', '/api/v1/cache/flush', large);
    expect((await refusal(announced)).slice(0, 2)).toEqual([413, 'body_too_large']);
    const body = new Blob([large]).stream();
    const init = { method: 'POST', headers: json, body, duplex: 'half' } as const;
    const chunked = await http.get('/api/v1/cache/flush', init);
    expect((await refusal(chunked)).slice(0, 2)).toEqual([413, 'body_too_large']);
    expect((await send('POST', '/api/v1/cache/flush', { all: true })).status).toBe(200);
  });
});

describe('who may use the admin API', () => {
  test('without a token: a process of this host, unless a proxy stands between', async () => {
    http = await startHttp();
    expect(await statusWith('/api/v1/version', {})).toBe(200);
    for (const header of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
      expect(await statusWith('/api/v1/version', { [header]: '127.0.0.1' })).toBe(403);
    }
    expect(await statusWith('/healthz', { 'x-forwarded-for': '192.0.2.1' })).toBe(200);
  });

  test.each([
    ['127.0.0.1:8080', 200],
    ['[::1]:8080', 200],
    ['localhost', 200],
    ['LocalHost:1', 200],
    ['attacker.example', 403],
    ['localhost.attacker.example:8080', 403],
    ['127.0.0.1.attacker.example', 403],
    ['a:b:c', 403],
  ])('without a token: Host "%s" gives %d (DNS rebinding)', async (host, status) => {
    http = await startHttp();
    expect(await statusWith('/api/v1/version', { host })).toBe(status);
  });

  test.each([undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonx'])(
    'a change with content type %s is refused (cross-site request forgery)',
    async (type) => {
      http = await startHttp();
      const headers = { ...(type !== undefined && { 'content-type': type }) };
      const body = new TextEncoder().encode('{"all":true}');
      const response = await http.get('/api/v1/cache/flush', { method: 'POST', headers, body });
      expect((await refusal(response)).slice(0, 2)).toEqual([415, 'unsupported_media_type']);
      expect(http.actions.calls).toEqual([]);
    },
  );

  test('with a token: its bearer from anywhere, under any name', async () => {
    http = await startHttp({ token });
    const authorization = `Bearer ${token}`;
    const elsewhere = { 'x-forwarded-for': '192.0.2.1', host: 'dns.example' };
    expect(await statusWith('/api/v1/version', { authorization, ...elsewhere })).toBe(200);
    expect(await statusWith('/api/v1/version', elsewhere)).toBe(401);
    expect(await statusWith('/api/v1/version', {})).toBe(200); // loopback needs none
  });

  test.each(['Bearer wrong', `Bearer ${token}x`, `Basic ${token}`, 'Bearer', token, ''])(
    'with a token: "%s" is refused, from loopback too',
    async (authorization) => {
      http = await startHttp({ token });
      const response = await http.get('/api/v1/version', { headers: { authorization } });
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
      expect((await refusal(response)).slice(0, 2)).toEqual([401, 'unauthorized']);
    },
  );

  test('another token holds at once', async () => {
    http = await startHttp({ token });
    http.guard.setToken('another');
    expect(await statusWith('/api/v1/version', { authorization: `Bearer ${token}` })).toBe(401);
    expect(await statusWith('/api/v1/version', { authorization: 'Bearer another' })).toBe(200);
  });

  test('every change is in the log: what, who and from where', async () => {
    http = await startHttp({ token });
    const headers = { ...json, authorization: `Bearer ${token}` };
    await http.get('/api/v1/cache/flush', { method: 'POST', headers, body: '{"all":true}' });
    await http.get('/api/v1/version');
    expect(http.log.lines).toEqual([
      {
        level: 'info',
        message: 'admin change',
        fields: {
          action: 'POST /api/v1/cache/flush',
          who: 'token',
          from: expect.stringMatching(/^127\.0\.0\.1 port \d+$/) as unknown,
          request: { all: true },
          status: 200,
        },
      },
    ]);
  });
});

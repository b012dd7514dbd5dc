import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

const token = 'token-that-nobody-may-see';
const cookieSecret = '00112233445566778899aabbccddeeff';

let first: TestCertificate;
let second: TestCertificate;
let upstream: ScriptedUpstream;
let directory: string;
let replica: TestReplica;

beforeAll(async () => {
  [first, second, upstream] = await Promise.all([
    makeCertificate('first.example'),
    makeCertificate('second.example'),
    ScriptedUpstream.start(),
  ]);
  directory = await mkdtemp(join(tmpdir(), 'heimdall-http-'));
});
afterEach(() => replica.stop());
afterAll(async () => {
  await Promise.all([first.remove(), second.remove(), upstream.stop()]);
  await rm(directory, { recursive: true });
});

async function install({ certificateFile, keyFile }: TestCertificate): Promise<void> {
  await copyFile(keyFile, join(directory, 'tls.key'));
  await copyFile(certificateFile, join(directory, 'tls.crt'));
}

async function start(): Promise<void> {
  await install(first);
  replica = await startReplica({
    upstreams: [upstream.text],
    set: {
      'http.tls.file': join(directory, 'tls.crt'),
      'http.tls.keyFile': join(directory, 'tls.key'),
      'http.tls.reloadIntervalMs': '20',
      'http.token': token,
      'listen.cookies.secrets': cookieSecret,
      'log.level': 'debug',
    },
  });
}

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
  /** Of the certificate that was shown. */
  readonly subject: string;
}

/** A request on a connection of its own. */
function fetchTls(
  path: string,
  options: { method?: string; headers?: object } = {},
): Promise<Answer> {
  const { httpAddress } = replica.replica;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const where = { host: httpAddress?.host, port: httpAddress?.port, path, agent: false };
  const headers = { 'content-type': 'application/json', ...options.headers };
  const sent = request(
    { ...where, method: options.method ?? 'GET', headers, rejectUnauthorized: false },
    (response: IncomingMessage) => {
      const { socket } = response;
      const subject =
        socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject.CN) : '';
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode, text, subject }));
    },
  );
  sent.on('error', reject);
  sent.end();
  return promise;
}

describe('the HTTP port with a certificate', () => {
  test('speaks TLS alone, and follows the files', async () => {
    await start();
    expect(await fetchTls('/readyz')).toMatchObject({ status: 200, subject: 'first.example' });
    await expect(replica.http('/readyz')).rejects.toThrow();
    await install(second);
    await waitFor('the other certificate', async () => {
      const { subject } = await fetchTls('/healthz');
      return subject === 'second.example';
    });
    expect(replica.log()).toContain('certificate replaced');
  });

  test('no secret is told: not by log, metrics, configuration or refusals', async () => {
    await start();
    const bearer = { authorization: `Bearer ${token}` };
    const wrong = { authorization: `Bearer ${token}-and-more` };
    const change = { method: 'POST', headers: bearer };
    const told = [
      await fetchTls('/api/v1/config', { headers: bearer }),
      await fetchTls('/api/v1/config', { headers: wrong }),
      await fetchTls('/api/v1/config/reload', change),
      await fetchTls(`/api/v1/cache/flush`, change),
      await fetchTls(`/api/v1/cache/entries?token=${token}`, { headers: wrong }),
      await fetchTls('/metrics'),
      await fetchTls('/readyz'),
    ];
    expect(told.map(({ status }) => status)).toEqual([200, 401, 200, 400, 401, 200, 200]);
    const all = [...told.map(({ text }) => text), replica.log()].join('\n');
    expect(all).toContain('***');
    expect(all).not.toContain(token);
    expect(all).not.toContain(cookieSecret);
  });

  test('each change is logged with who made it and from where', async () => {
    await start();
    await fetchTls('/api/v1/config/reload', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    await fetchTls('/api/v1/config/reload', { method: 'POST' });
    const lines = replica
      .log()
      .split('\n')
      .filter((line) => line.includes('admin change'));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/"who":"token"/);
    expect(lines[1]).toMatch(/"who":"loopback"/);
    for (const line of lines) expect(line).toMatch(/127\.0\.0\.1 port \d+/);
  });
});

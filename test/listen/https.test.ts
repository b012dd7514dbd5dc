import { request as http1Request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';
import { request as https1Request } from 'node:https';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { freshSeconds, readDohRequest } from '../../src/listen/doh-message.ts';
import { DnsOverHttps, DnsOverPlainHttp } from '../../src/listen/encrypted-protocols.ts';
import type { TcpListener } from '../../src/listen/tcp-listener.ts';
import { makeCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { encodeQuery, rawResponse, readMessage } from '../support/messages.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { answerTo, keptAnswers, numbered, Rig } from './support.ts';
import type { RigOptions } from './support.ts';

const path = '/dns-query';
const dnsMessage = 'application/dns-message';

interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

interface HttpQuestion {
  readonly method: string;
  readonly path: string;
  readonly contentType?: string;
  readonly body?: Buffer;
}

let certificate: TestCertificate;
let rig: Rig;
let listener: TcpListener;
let session: ClientHttp2Session | undefined;

beforeAll(async () => {
  certificate = await makeCertificate();
});
afterAll(() => certificate.remove());
afterEach(async () => {
  session?.destroy();
  session = undefined;
  await rig.stop();
});

type Version = 'HTTP/2' | 'HTTP/1.1' | 'plain HTTP/1.1';
const versions: readonly Version[] = ['HTTP/2', 'HTTP/1.1', 'plain HTTP/1.1'];

async function start(version: Version, options: RigOptions = {}): Promise<void> {
  rig = new Rig(options);
  const isPlain = version === 'plain HTTP/1.1';
  listener = await rig.tcp(
    isPlain ? new DnsOverPlainHttp(path) : new DnsOverHttps(certificate, path),
  );
}

function ask(version: Version, question: HttpQuestion): Promise<HttpAnswer> {
  const answer = version === 'HTTP/2' ? askHttp2(question) : askHttp1(version, question);
  return within('an HTTP response', answer);
}

function askHttp2({ method, path: target, contentType, body }: HttpQuestion): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  if (session === undefined) {
    const { port } = listener.address;
    session = connectHttp2(`https://127.0.0.1:${String(port)}`, { ca: certificate.cert });
    session.on('error', () => undefined); // what was under way is told by its stream
  }
  const headers: OutgoingHttpHeaders = { ':method': method, ':path': target };
  if (contentType !== undefined) headers['content-type'] = contentType;
  const stream = session.request(headers);
  const chunks: Buffer[] = [];
  let seen: Readonly<Record<string, unknown>> = {};
  stream.on('response', (fields) => (seen = fields));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', reject);
  stream.on('end', () => {
    resolve({ status: Number(seen[':status']), headers: seen, body: Buffer.concat(chunks) });
  });
  stream.end(body);
  return promise;
}

function askHttp1(version: Version, question: HttpQuestion): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const { method, path: target, contentType, body } = question;
  const request = (version === 'HTTP/1.1' ? https1Request : http1Request)({
    host: '127.0.0.1',
    port: listener.address.port,
    method,
    path: target,
    ca: certificate.cert,
    headers: contentType === undefined ? {} : { 'content-type': contentType },
  });
  request.on('error', reject);
  request.on('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      const { statusCode = 0, headers } = response;
      resolve({ status: statusCode, headers, body: Buffer.concat(chunks) });
    });
  });
  request.end(body);
  return promise;
}

function get(query: Buffer): HttpQuestion {
  return { method: 'GET', path: `${path}?dns=${query.toString('base64url')}` };
}

function post(body: Buffer, contentType = dnsMessage): HttpQuestion {
  return { method: 'POST', path, contentType, body };
}

const immediate: RigOptions = { resolve: (query) => Promise.resolve(answerTo(query, 4)) };

describe.each(versions)('DNS over HTTPS (RFC 8484) by %s', (version) => {
  test('GET and POST are answered, from the stages and from the hot path', async () => {
    for (const options of [immediate, { kept: keptAnswers(4) }]) {
      await start(version, options);
      for (const question of [get(numbered(0)), post(numbered(0))]) {
        const { status, headers, body } = await ask(version, question);
        expect([status, headers['content-type']]).toEqual([200, dnsMessage]);
        expect(readMessage(body)).toMatchObject({ id: 0, flags: 'qr rd ra' });
        expect(Number(headers['content-length'])).toBe(body.length);
      }
      session?.destroy();
      session = undefined;
      await rig.stop();
    }
  });

  test('the answer may be kept for its smallest TTL; a failure not at all', async () => {
    await start(version, immediate);
    expect((await ask(version, get(numbered(0)))).headers['cache-control']).toBe('max-age=300');
    const refused = await ask(version, get(encodeQuery({ name: 'q.example', class: 3 })));
    expect([refused.status, refused.headers['cache-control']]).toEqual([200, 'max-age=0']);
  });

  test.each<[string, HttpQuestion, number]>([
    ['another path', { method: 'GET', path: '/' }, 404],
    ['no variable', { method: 'GET', path }, 400],
    ['no base64url', { method: 'GET', path: `${path}?dns=a+b/` }, 400],
    ['a message that is a response', get(Buffer.alloc(20, 0x80)), 400],
    ['a runt', get(Buffer.from([1, 2, 3])), 400],
    ['another media type', post(numbered(1), 'text/plain'), 415],
    ['an empty body', post(Buffer.alloc(0)), 400],
    ['a body that is too long', post(Buffer.alloc(65_536)), 413],
    ['another method', { method: 'DELETE', path }, 405],
  ])('%s: refused with its status', async (_what, question, status) => {
    await start(version, immediate);
    const answer = await ask(version, question);
    expect(answer.status).toBe(status);
    expect(answer.headers['cache-control']).toBe('no-store');
    if (status === 405) expect(answer.headers['allow']).toBe('GET, HEAD, POST');
    expect((await ask(version, get(numbered(0)))).status).toBe(200); // and it goes on
  });

  test('HEAD has the header of GET and no body', async () => {
    await start(version, immediate);
    const { status, headers, body } = await ask(version, { ...get(numbered(0)), method: 'HEAD' });
    expect([status, headers['content-type'], body.length]).toEqual([200, dnsMessage, 0]);
  });

  test('an idle connection is closed after its time', async () => {
    await start(version, { ...immediate, tcp: { idleTimeoutMs: 1000 } });
    await ask(version, get(numbered(0)));
    await rig.clock.advance(2000);
    await waitFor('the end', () => listener.connectionCount === 0);
  });

  test('a query under way is answered before a connection that ends is closed', async () => {
    await start(version);
    const answer = ask(version, get(numbered(0)));
    await waitFor('the query', () => rig.stages.queries.length === 1);
    listener.drain();
    rig.stages.answer(0);
    expect((await answer).status).toBe(200);
  });
});

test('many questions go over one connection of HTTP/2 at a time', async () => {
  await start('HTTP/2', immediate);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => ask('HTTP/2', get(numbered(index)))),
  );
  expect(answers.map(({ body }) => readMessage(body).id)).toEqual(
    Array.from({ length: 50 }, (_, index) => index),
  );
  expect(listener.connectionCount).toBe(1);
});

describe('a request', () => {
  test('whatever it holds, it is a message or a refusal', () => {
    const target = fc.oneof(
      fc.string(),
      fc.string().map((text) => `${path}?dns=${text}`),
    );
    fc.assert(
      fc.property(
        fc.string(),
        target,
        fc.option(fc.string()),
        fc.uint8Array(),
        (method, to, type, body) => {
          const read = readDohRequest(
            { method, target: to, contentType: type ?? undefined, body: Buffer.from(body) },
            path,
          );
          expect(Buffer.isBuffer(read) || read.status >= 400).toBe(true);
        },
      ),
    );
  });

  test('a negative answer is fresh for the TTL of its authority (RFC 8484 section 5.1)', () => {
    const query = encodeQuery({ name: 'q.example' });
    const response = rawResponse(query, [{ type: 6, ttl: 30, rdata: Buffer.alloc(22) }]);
    response.writeUInt16BE(0x8183, 2);
    response.writeUInt16BE(0, 6);
    response.writeUInt16BE(1, 8);
    expect(freshSeconds(response)).toBe(30);
  });
});

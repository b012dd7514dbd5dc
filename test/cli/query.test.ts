import { createServer, type Server as HttpsServer } from 'node:https';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { testCertificate } from './certificate.ts';
import { run } from './recorded-io.ts';

const layerOption = 65_310;
const extendedErrorOption = 15;

let server: ScriptedUpstream;

beforeEach(async () => {
  server = await ScriptedUpstream.start();
});

afterEach(async () => {
  await server.stop();
});

const ask = (...argv: string[]) => run(['query', ...argv, '--server', server.text]);

describe('query over UDP', () => {
  test('prints status, flags, records, time, server and the layer of a Heimdall', async () => {
    server.script = ({ name }) => ({
      answers: [{ type: 'A', name, ttl: 60, data: '192.0.2.1' }],
      edns: [{ code: layerOption, data: Buffer.from('l1') }],
    });
    const { code, stdout } = await ask('www.example.com');
    expect(code).toBe(0);
    expect(stdout).toContain(';; NOERROR');
    expect(stdout).toContain('flags: qr rd ra');
    expect(stdout).toContain('www.example.com. 60 IN A 192.0.2.1');
    expect(stdout).toMatch(new RegExp(`ms from ${server.text} over udp, layer l1\n$`));
  });

  test('sends an empty layer option, RD and the DO bit of --dnssec', async () => {
    await ask('example.com', 'MX', '--dnssec');
    expect(server.queries[0]).toMatchObject({
      type: 'MX',
      recursionDesired: true,
      edns: { dnssecOk: true, udpSize: 1232, options: [{ code: layerOption }] },
    });
  });

  test('--json prints the message as data', async () => {
    server.script = ({ name }) => ({
      answers: [{ type: 'TXT', name, ttl: 1, data: ['a "b"', Buffer.from([0x1b, 0x5b])] }],
    });
    const { stdout } = await ask('t.example', 'TXT', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      server: server.text,
      transport: 'udp',
      responseCode: 'NOERROR',
      answer: [{ name: 't.example.', type: 'TXT', data: '"a \\"b\\"" "\\027["' }],
    });
  });
});

describe('responses over UDP', () => {
  test('turns to TCP when the answer is truncated (RFC 7766 section 5)', async () => {
    server.script = ({ name, transport }) =>
      transport === 'udp'
        ? { truncated: true }
        : { answers: [{ type: 'A', name, ttl: 60, data: '192.0.2.2' }] };
    const { code, stdout } = await ask('big.example');
    expect(code).toBe(0);
    expect(stdout).toContain('192.0.2.2');
    expect(stdout).toContain('over tcp');
  });

  test('passes over responses with another id or question (RFC 5452 section 9.1)', async () => {
    server.script = ({ name }) => [
      { idOffset: 1, answers: [{ type: 'A', name, ttl: 60, data: '203.0.113.1' }] },
      { question: { name: 'other.example', type: 'A' } },
      { notAResponse: true },
      { answers: [{ type: 'A', name, ttl: 60, data: '192.0.2.3' }] },
    ];
    const { stdout } = await ask('x.example');
    expect(stdout).toContain('192.0.2.3');
    expect(stdout).not.toContain('203.0.113.1');
  });

  test('NXDOMAIN is an answer and exits with 0', async () => {
    server.script = () => ({ code: 3 });
    const { code, stdout } = await ask('none.example');
    expect(code).toBe(0);
    expect(stdout).toContain(';; NXDOMAIN');
  });

  test('SERVFAIL exits with 1 and shows the extended error (RFC 8914)', async () => {
    const data = Buffer.concat([Buffer.from([0, 22]), Buffer.from('all upstreams are out')]);
    server.script = () => ({ code: 2, edns: [{ code: extendedErrorOption, data }] });
    const { code, stdout } = await ask('x.example');
    expect(code).toBe(1);
    expect(stdout).toContain('extended error 22 (No Reachable Authority): all upstreams are out');
  });

  test('FORMERR without a question is shown', async () => {
    server.script = () => ({ code: 1, withoutQuestion: true });
    const { code, stdout } = await ask('x.example');
    expect(code).toBe(1);
    expect(stdout).toContain(';; FORMERR');
  });
});

describe('query without a usable response', () => {
  test('a server that says nothing exits with 4 when the time is over', async () => {
    server.script = () => undefined;
    const { code, stderr } = await ask('x.example', '--timeout', '60');
    expect(code).toBe(4);
    expect(stderr).toContain('no response');
    expect(server.queries).toHaveLength(2); // sent again once
  });

  test('a port where nothing listens exits with 4', async () => {
    const { text } = server;
    await server.stop();
    const { code, stderr } = await run(['query', 'x.example', '--server', text]);
    server = await ScriptedUpstream.start();
    expect(code).toBe(4);
    expect(stderr).toContain('nothing listens');
  });

  test('a malformed response exits with 1', async () => {
    server.script = ({ wire }) => {
      const raw = Buffer.from(wire);
      raw.writeUInt8(0x81, 2);
      raw.writeUInt16BE(9, 6);
      return { raw };
    };
    const { code, stderr } = await ask('x.example');
    expect(code).toBe(1);
    expect(stderr).toContain('malformed');
  });
});

describe('the question', () => {
  test.each([
    ['TYPE65', 65],
    ['65', 65],
    ['https', 65],
    ['TYPE65280', 65_280],
  ])('type %s is asked as number %i (RFC 3597)', async (text, type) => {
    await ask('x.example', text);
    expect(server.queries[0]?.wire.readUInt16BE(12 + 11)).toBe(type);
  });

  test.each([
    ['192.0.2.1', '1.2.0.192.in-addr.arpa'],
    ['2001:db8::1', `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`],
    ['::ffff:192.0.2.1', `1.0.2.0.0.0.0.c.f.f.f.f.${'0.'.repeat(20)}ip6.arpa`],
  ])('-x %s asks for its PTR records', async (address, name) => {
    await run(['query', '-x', address, '--server', server.text]);
    expect(server.queries[0]).toMatchObject({ name, type: 'PTR' });
  });
});

describe('query over streams', () => {
  test('--tcp asks over TCP alone', async () => {
    const { code, stdout } = await ask('x.example', '--tcp');
    expect(code).toBe(0);
    expect(stdout).toContain('over tcp');
    expect(server.queriesOver('udp')).toHaveLength(0);
  });

  test('a server that closes without a response exits with 4', async () => {
    server.script = () => ({ firstOctets: 5, close: true });
    const { code, stderr } = await ask('x.example', '--tcp');
    expect(code).toBe(4);
    expect(stderr).toContain('closed the connection');
  });
});

/** NOERROR to any query. */
function emptyAnswer(query: Buffer): Buffer {
  const response = Buffer.from(query);
  response.writeUInt16BE(0x8180, 2);
  return response;
}

async function listen(secure: TlsServer | HttpsServer): Promise<string> {
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  return `127.0.0.1:${String((secure.address() as AddressInfo).port)}`;
}

describe('query over TLS (RFC 7858)', () => {
  let secure: TlsServer;
  let address: string;

  beforeEach(async () => {
    secure = createTlsServer({ ...testCertificate, ALPNProtocols: ['dot'] }, (socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk) => {
        const response = emptyAnswer(chunk.subarray(2));
        socket.end(Buffer.concat([chunk.subarray(0, 2), response]));
      });
    });
    address = await listen(secure);
  });

  afterEach(async () => {
    secure.close();
    await once(secure, 'close');
  });

  test('a certificate that nobody vouches for is refused with exit code 4', async () => {
    const { code, stderr } = await run(['query', 'x.example', '--tls', '-s', address]);
    expect(code).toBe(4);
    expect(stderr).toContain('self-signed certificate');
  });

  test('--insecure accepts it', async () => {
    const argv = ['query', 'x.example', '--tls', '--insecure', '-s', address];
    const { code, stdout } = await run(argv);
    expect(code).toBe(0);
    expect(stdout).toContain('over tls');
  });
});

describe('query over HTTPS (RFC 8484)', () => {
  let secure: HttpsServer;
  let address: string;
  let seen: { method?: string | undefined; url?: string | undefined; id?: number };
  let status = 200;

  beforeEach(async () => {
    seen = {};
    status = 200;
    secure = createServer(testCertificate, (request, response) => {
      request.on('data', (body: Buffer) => {
        seen = { method: request.method, url: request.url, id: body.readUInt16BE(0) };
        response.writeHead(status, { 'content-type': 'application/dns-message' });
        response.end(emptyAnswer(body));
      });
    });
    address = await listen(secure);
  });

  afterEach(async () => {
    secure.close();
    await once(secure, 'close');
  });

  const argv = (): string[] => ['query', 'x.example', '--https', '--insecure', '-s', address];

  test('posts the query with id 0 to /dns-query', async () => {
    const { code, stdout } = await run(argv());
    expect(code).toBe(0);
    expect(stdout).toContain('over https');
    expect(seen).toEqual({ method: 'POST', url: '/dns-query', id: 0 });
  });

  test('an HTTP error exits with 1 and shows the status', async () => {
    status = 415;
    const { code, stderr } = await run(argv());
    expect(code).toBe(1);
    expect(stderr).toContain('HTTP status 415');
  });
});

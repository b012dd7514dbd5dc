import { execFile } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { freePort } from '../support/free-ports.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor, within } from '../support/wait-for.ts';

const run = promisify(execFile);

let certificate: TestCertificate;
let upstream: ScriptedUpstream;
let replica: TestReplica;
let tlsPort: number;
let httpsPort: number;
let plainPort: number;
let plain: TestReplica;

beforeAll(async () => {
  certificate = await makeCertificate();
  upstream = await ScriptedUpstream.start({
    script: ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', 300)] }),
  });
  [tlsPort, httpsPort, plainPort] = [await freePort(), await freePort(), await freePort()];
  replica = await startReplica({
    upstreams: [upstream.text],
    set: {
      'listen.certificate.file': certificate.certificateFile,
      'listen.certificate.keyFile': certificate.keyFile,
      'listen.certificate.reloadIntervalMs': '50',
      'listen.tls.addresses': `127.0.0.1:${String(tlsPort)}`,
      'listen.https.addresses': `127.0.0.1:${String(httpsPort)}`,
    },
  });
  plain = await startReplica({
    upstreams: [upstream.text],
    set: {
      'listen.https.addresses': `127.0.0.1:${String(plainPort)}`,
      'listen.https.plain': 'true',
      'listen.https.path': '/resolve',
    },
  });
});
afterAll(async () => {
  await Promise.all([replica.stop(), plain.stop()]);
  await Promise.all([upstream.stop(), certificate.remove()]);
});

async function kdig(...parameters: readonly string[]): Promise<string> {
  const { stdout } = await run('kdig', ['+retry=0', '+time=5', 'www.example', 'A', ...parameters]);
  return stdout;
}

/** What curl or kdig would ask by GET: the address of www.example. */
const dns = 'AAABAAABAAAAAAAAA3d3dwdleGFtcGxlAAABAAE';

describe('encrypted listeners of a replica', () => {
  test('kdig gets its answer by DNS over TLS, with the certificate checked', async () => {
    const ca = `+tls-ca=${certificate.certificateFile}`;
    const name = '+tls-hostname=resolver.example';
    const text = await kdig('@127.0.0.1', '-p', String(tlsPort), '+tls', ca, name);
    expect(text).toContain('TLS session');
    expect(text).toMatch(/www\.example\.\s+\d+\s+IN\s+A\s+192\.0\.2\.1/);
    const wrong = kdig(
      '@127.0.0.1',
      '-p',
      String(tlsPort),
      '+tls',
      ca,
      '+tls-hostname=other.example',
    );
    await expect(wrong).rejects.toThrow();
  });

  test.each(['+https', '+https-get'])('kdig gets its answer by DNS over HTTPS: %s', async (how) => {
    const ca = `+tls-ca=${certificate.certificateFile}`;
    const name = '+tls-hostname=resolver.example';
    const text = await kdig('@127.0.0.1', '-p', String(httpsPort), how, ca, name);
    expect(text).toMatch(/www\.example\.\s+\d+\s+IN\s+A\s+192\.0\.2\.1/);
  });

  test('curl gets a message in clear HTTP where an ingress ends TLS', async () => {
    const url = `http://127.0.0.1:${String(plainPort)}/resolve?dns=${dns}`;
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toMatch(/^max-age=(300|299)$/);
    const message = Buffer.from(await response.arrayBuffer());
    expect(message.subarray(-4)).toEqual(Buffer.from([192, 0, 2, 1]));
  });

  test('queries and connections are counted by transport, and the end of the certificate is told', async () => {
    const [queries] = await replica.metric('heimdall_queries_total{transport="tls",type="A"}');
    expect(queries).toMatch(/ [1-9]\d*$/);
    const [https] = await replica.metric('heimdall_queries_total{transport="https",type="A"}');
    expect(https).toMatch(/ [1-9]\d*$/);
    expect(await replica.metric('heimdall_tcp_connections{transport="tls"}')).toHaveLength(1);
    const [ends] = await replica.metric('heimdall_certificate_expiry_timestamp_seconds');
    const seconds = Number(ends?.split(' ')[1]) - Date.now() / 1000;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(86_400 * 2);
  });

  test('a certificate that is replaced in its files is shown, one that is broken is not', async () => {
    const renewed = await makeCertificate('renewed.example');
    await copyFile(renewed.keyFile, certificate.keyFile);
    await waitFor('the failure', async () => {
      const [line] = await replica.metric('heimdall_certificate_reloads_total{result="failure"}');
      return line !== undefined && !line.endsWith(' 0');
    });
    expect(await shownName()).toBe('resolver.example');
    await copyFile(renewed.certificateFile, certificate.certificateFile);
    await waitFor('the new certificate', async () => (await shownName()) === 'renewed.example');
    await renewed.remove();
  });
});

async function shownName(): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port: tlsPort, rejectUnauthorized: false });
  await within('a handshake', once(socket, 'secureConnect'));
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return Array.isArray(CN) ? CN[0] : CN;
}

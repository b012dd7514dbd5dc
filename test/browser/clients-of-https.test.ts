import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { freePort } from '../support/free-ports.ts';
import { installed } from '../support/processes.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';

const execute = promisify(execFile);
const patienceMs = 30_000;
const name = 'www.heimdall-test.example';
const asked = 100;

let certificate: TestCertificate;
let replica: TestReplica;
let web: Server;
let directory: string;
let tlsPort: number;
let httpsPort: number;

beforeAll(async () => {
  certificate = await makeCertificate();
  [tlsPort, httpsPort] = [await freePort(), await freePort()];
  replica = await startReplica({
    upstreams: ['127.0.0.1:9'],
    set: {
      'upstream.loopDetection': 'false',
      'local.records': `${name} 60 IN A 127.0.0.1`,
      'listen.certificate.file': certificate.certificateFile,
      'listen.certificate.keyFile': certificate.keyFile,
      'listen.tls.addresses': `127.0.0.1:${String(tlsPort)}`,
      'listen.https.addresses': `127.0.0.1:${String(httpsPort)}`,
    },
  });
  web = createServer((_, response) => response.end('<p>found by its name</p>'));
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  directory = await mkdtemp(join(tmpdir(), 'heimdall-https-'));
}, patienceMs);

afterAll(async () => {
  web.closeAllConnections();
  web.close();
  await replica.stop();
  await certificate.remove();
  await rm(directory, { recursive: true, force: true });
});

/** The page of a server that only Heimdall knows the name of. */
function page(): string {
  return `http://${name}:${String((web.address() as AddressInfo).port)}/`;
}

function dohUrl(): string {
  return `https://127.0.0.1:${String(httpsPort)}/dns-query`;
}

async function queriesOver(transport: string): Promise<number> {
  const lines = await replica.metric(`heimdall_queries_total{transport="${transport}"`);
  return lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
}

test('curl --doh-url finds a server by its name', async () => {
  const before = await queriesOver('https');
  const trust = ['--cacert', certificate.certificateFile];
  const { stdout } = await execute('curl', ['-sS', ...trust, '--doh-url', dohUrl(), page()]);
  expect(stdout).toContain('found by its name');
  expect(await queriesOver('https')).toBeGreaterThan(before);
});

test(
  'Chromium with secure DNS set to Heimdall finds a server by its name',
  async () => {
    const before = await queriesOver('https');
    const profile = join(directory, 'profile');
    await mkdir(profile);
    const settings = { dns_over_https: { mode: 'secure', templates: dohUrl() } };
    await writeFile(join(profile, 'Local State'), JSON.stringify(settings));
    const { stdout } = await execute(
      '/usr/bin/chromium',
      [
        ...['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run'],
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
        ...['--ignore-certificate-errors', `--user-data-dir=${profile}`, '--dump-dom', page()],
      ],
      { timeout: patienceMs },
    );
    expect(stdout).toContain('found by its name');
    expect(await queriesOver('https')).toBeGreaterThan(before);
  },
  patienceMs * 2,
);

test.each([
  ['dot', () => tlsPort, 'tls'],
  ['doh', () => httpsPort, 'https'],
])('dnsperf in mode %s gets all its answers', async (mode, port, transport) => {
  const before = await queriesOver(transport);
  const queries = join(directory, `${mode}.txt`);
  await writeFile(queries, `${name} A\n`);
  const server = ['-s', '127.0.0.1', '-p', String(port()), '-m', mode];
  const doh = mode === 'doh' ? ['-O', `doh-uri=${dohUrl()}`, '-O', 'doh-method=GET'] : [];
  // Its DoH loses what comes in one piece with another answer (2.10, with any server): one at a time.
  const inFlight = mode === 'doh' ? ['-c', '1', '-q', '1'] : ['-c', '5', '-q', '50'];
  const argv = [...server, ...doh, ...inFlight, '-d', queries, '-n', String(asked)];
  const { stdout } = await execute(installed('dnsperf', 'dnsperf'), argv);
  expect(stdout).toMatch(new RegExp(`Queries completed:\\s+${String(asked)} \\(100\\.00%\\)`));
  expect(stdout).toMatch(new RegExp(`NOERROR ${String(asked)} \\(100\\.00%\\)`));
  expect(await queriesOver(transport)).toBe(before + asked);
});

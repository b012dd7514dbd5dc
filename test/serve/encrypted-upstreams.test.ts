import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { pinOf } from '../../src/upstream/certificate-check.ts';
import { makeCertificate, makeExpiredCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { askUdp } from '../support/dns-clients.ts';
import { startDnsdist } from '../support/dnsdist.ts';
import type { Dnsdist } from '../support/dnsdist.ts';
import { encodeQuery } from '../support/messages.ts';
import { startNameServers } from '../support/name-servers.ts';
import type { NameServers } from '../support/name-servers.ts';
import { installed, ReplicaProcess, run } from '../support/processes.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { waitFor } from '../support/wait-for.ts';

const name = 'resolver.example';
let certificate: TestCertificate;
let other: TestCertificate;
let expired: TestCertificate;
let unbound: NameServers;
let dnsdist: Dnsdist;
let outdated: Dnsdist;
let directory: string;
let replica: TestReplica | undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-upstreams-'));
  [certificate, other, expired] = await Promise.all([
    makeCertificate(name),
    makeCertificate('other.example'),
    makeExpiredCertificate(name),
  ]);
  unbound = await startNameServers(certificate);
  dnsdist = await startDnsdist(unbound.text, certificate);
  outdated = await startDnsdist(unbound.text, expired);
});
afterEach(async () => {
  await replica?.stop();
  replica = undefined;
});
afterAll(async () => {
  await Promise.all([unbound.stop(), dnsdist.stop(), outdated.stop()]);
  await Promise.all([certificate, other, expired].map((made) => made.remove()));
  await rm(directory, { recursive: true });
});

interface Given {
  readonly server: string;
  /** What is said of the host. */
  readonly host?: Readonly<Record<string, unknown>>;
}

/** One upstream alone; by default with the right authority for its name. */
async function configFile({ server, host }: Given, more: object): Promise<string> {
  const hosts = [{ name, caFile: certificate.certificateFile, ...host }];
  const upstream = { servers: [server], hosts, ...more };
  const file = join(directory, 'heimdall.yaml');
  await writeFile(file, JSON.stringify({ upstream, log: { format: 'json' } }));
  return file;
}

async function asking(given: Given): Promise<TestReplica> {
  replica = await startReplica({
    file: await configFile(given, { encrypted: { idleTimeoutMs: 30 } }),
  });
  return replica;
}

async function counted(metric: string, ...labels: readonly string[]): Promise<number> {
  const lines = (await replica?.metric(metric)) ?? [];
  const found = lines.filter((line) => labels.every((label) => line.includes(label)));
  return found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

const real: readonly (readonly [what: string, server: () => string])[] = [
  ['unbound over TLS', () => unbound.tls],
  ['unbound over HTTPS', () => unbound.https],
  ['dnsdist over TLS', () => dnsdist.tls],
  ['dnsdist over HTTPS', () => dnsdist.https],
];

describe.each(real)('%s', (_, server) => {
  test('answers what it is asked, many at a time, and resumes its sessions', async () => {
    const asked = await asking({ server: `${server()}#${name}` });
    const names = Array.from({ length: 30 }, (_one, at) => `n${String(at)}.example`);
    const answers = await Promise.all(names.map((one) => asked.ask({ name: one })));
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([3]));
    const addresses = await asked.ask({ name: 'www.example' });
    expect(addresses).toMatchObject({ code: 0 });
    expect(addresses.answers).toHaveLength(1);
    await waitFor('a resumed connection', async () => {
      await asked.ask({ name: `r${String(Math.random()).slice(2)}.example` });
      await new Promise((resolve) => setTimeout(resolve, 60)); // twice the idle time
      return (await counted('heimdall_upstream_connections_total', 'kind="resumed"')) > 0;
    });
    expect(await counted('heimdall_upstream_failures_total')).toBe(0);
    expect(await counted('heimdall_upstream_responses_total', server())).toBeGreaterThan(30);
  });

  test('carries an answer that is too long for UDP', async () => {
    const asked = await asking({ server: `${server()}#${name}` });
    const answer = await asked.askTcp({ name: 'long.example', type: 16 });
    expect(answer.answers).toHaveLength(1);
  });

  test.each([
    ['without its authority', name, { caFile: undefined }, 'self-signed'],
    ['for another name', 'wrong.example', { name: 'wrong.example' }, 'wrong.example'],
    ['with another key than is pinned', name, { pins: ['other'] }, 'pinned'],
  ])('%s is refused, with why in log and metric', async (_what, expected, host, why) => {
    const pins = 'pins' in host ? { pins: [pinOf(new X509Certificate(other.cert))] } : {};
    const asked = await asking({ server: `${server()}#${expected}`, host: { ...host, ...pins } });
    for (const label of ['a', 'b', 'c']) {
      expect(await asked.ask({ name: `${label}.example` })).toMatchObject({ code: 2 });
    }
    expect(await counted('heimdall_upstream_failures_total', 'reason="certificate"')).toBe(3);
    expect(await counted('heimdall_upstream_responses_total')).toBe(0);
    const told = asked
      .log()
      .split('\n')
      .find((line) => line.includes('upstream changed'));
    expect(told).toMatch(new RegExp(`certificate: .*${why}`));
  });

  test('is known by its pinned key alone', async () => {
    const pins = [pinOf(new X509Certificate(certificate.cert))];
    const host = { caFile: undefined, pins };
    const asked = await asking({ server: `${server()}#${name}`, host });
    expect(await asked.ask({ name: 'www.example' })).toMatchObject({ code: 0 });
  });
});

test('a load that begins at once breaks no connection, whatever runs when a session ticket comes', async () => {
  const server = `${unbound.tls}#${name}`;
  const idleTimeoutMs = 200;
  const more = { loopDetection: false, encrypted: { idleTimeoutMs } };
  const file = await configFile({ server }, more);
  const argv = ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', '--config', file];
  const running = await ReplicaProcess.launch(['serve', ...argv]);
  const { host, port } = running.address;
  const names = Array.from({ length: 4000 }, (_, at) => `b${String(at)}.example A`);
  const list = join(directory, 'names.txt');
  await writeFile(list, names.join('\n'));
  const load = ['-s', host, '-p', String(port), '-d', list, '-n', '1', '-c', '4', '-q', '100'];
  await askUdp(running.address, encodeQuery({ name: 'first.example' }));
  await new Promise((resolve) => setTimeout(resolve, 2 * idleTimeoutMs)); // the session is left
  const { stdout } = await run(installed('dnsperf', 'dnsperf'), load);
  expect(stdout).toMatch(/Queries completed: +4000 /);
  const series = `heimdall_upstream_connections_total{server="${server}",kind=`;
  expect(await running.metric(`${series}"new"}`)).toBe(1);
  const connectionsMax = 2; // as many as there may be to one upstream
  expect(await running.metric(`${series}"resumed"}`)).toBeLessThanOrEqual(connectionsMax);
  expect((await running.stop()).code).toBe(0);
});

test('a certificate that has expired is refused, over TLS and HTTPS', async () => {
  for (const server of [outdated.tls, outdated.https]) {
    const host = { caFile: expired.certificateFile };
    const asked = await asking({ server: `${server}#${name}`, host });
    expect(await asked.ask({ name: 'www.example' })).toMatchObject({ code: 2 });
    const [status] = asked.resolver.upstreams.status();
    expect(status?.lastFailure).toContain('expired');
    await asked.stop();
    replica = undefined;
  }
});

test('DoT that does not work leaves the query to the next way, if there is one', async () => {
  const asked = await asking({
    server: `${unbound.tls}#${name} else ${unbound.text}`,
    host: { caFile: other.certificateFile },
  });
  expect(await asked.ask({ name: 'www.example' })).toMatchObject({ code: 0 });
  expect(await counted('heimdall_upstream_failures_total', 'reason="certificate"')).toBe(1);
});

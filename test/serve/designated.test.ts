import { afterEach, beforeAll, afterAll, expect, test } from '@jest/globals';
import { designatedRecords } from '../../src/assembly/designated-records.ts';
import { loadConfig } from '../../src/config/load.ts';
import { makeCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { freePorts } from '../support/free-ports.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';

const apex = '_dns.resolver.arpa';
let certificate: TestCertificate;
let upstream: ScriptedUpstream;
let replica: TestReplica | undefined;

beforeAll(async () => {
  [certificate, upstream] = await Promise.all([makeCertificate(), ScriptedUpstream.start()]);
});
afterEach(async () => {
  await replica?.stop();
  replica = undefined;
});
afterAll(() => Promise.all([certificate.remove(), upstream.stop()]));

function encrypted(): Record<string, string> {
  return {
    'listen.certificate.file': certificate.certificateFile,
    'listen.certificate.keyFile': certificate.keyFile,
  };
}

test('RFC 9462 4: clients are told where DNS over TLS and HTTPS is, in this order', async () => {
  const [tls = 0, https = 0] = await freePorts(2);
  const set = {
    ...encrypted(),
    'listen.tls.addresses': `127.0.0.1:${String(tls)}`,
    'listen.https.addresses': `127.0.0.1:${String(https)}`,
    'listen.designated.name': 'resolver.example',
  };
  replica = await startReplica({ upstreams: [upstream.text], set });
  const { answers, flags } = await replica.ask({ name: apex, type: 'SVCB', edns: {} });
  const hex = (text: string): string => Buffer.from(text).toString('hex');
  const port = (number: number): string => `00030002${number.toString(16).padStart(4, '0')}`;
  const target = `08${hex('resolver')}07${hex('example')}00`;
  expect(flags).toBe('qr aa rd ra');
  expect(answers.map((answer) => answer.split(' ').at(-1))).toEqual([
    `0001${target}0001000403${hex('dot')}${port(tls)}`,
    `0002${target}0001000302${hex('h2')}${port(https)}00070010${hex('/dns-query{?dns}')}`,
  ]);
  const other = await replica.ask({ name: apex, type: 'A' });
  expect(other).toMatchObject({ code: 0, answers: [] });
  expect(upstream.queries).toEqual([]);
});

test('RFC 9462 6.4: without a name nothing is told, and nobody else is asked', async () => {
  replica = await startReplica({ upstreams: [upstream.text] });
  expect(await replica.ask({ name: apex, type: 'SVCB' })).toMatchObject({ code: 0, answers: [] });
  expect(await replica.ask({ name: 'x.resolver.arpa' })).toMatchObject({ code: 3 });
  expect(upstream.queries).toEqual([]);
});

test('ports are those that clients reach, and hints go along', () => {
  const { config } = loadConfig({
    env: {},
    flags: {
      ...encrypted(),
      'listen.tls.addresses': '0.0.0.0:1853',
      'listen.https.addresses': '0.0.0.0:1443',
      'listen.https.plain': 'true',
      'listen.designated.name': 'dns.example.',
      'listen.designated.tlsPort': '853',
      'listen.designated.addresses': '192.0.2.53,2001:db8::53,192.0.2.54',
    },
  });
  const hints = 'ipv4hint=192.0.2.53,192.0.2.54 ipv6hint=2001:db8::53';
  expect(designatedRecords(config)).toEqual([
    `${apex}. SVCB 1 dns.example. alpn=dot port=853 ${hints}`,
    `${apex}. SVCB 2 dns.example. alpn=h2 port=443 dohpath=/dns-query{?dns} ${hints}`,
  ]);
});

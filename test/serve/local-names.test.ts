import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigInvalid } from '../../src/base/errors.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let directory: string;
let upstream: ScriptedUpstream;
let replica: TestReplica;
let hosts: string;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-local-'));
  hosts = join(directory, 'hosts');
  file = join(directory, 'heimdall.yaml');
  await writeFile(
    hosts,
    '192.0.2.10 one.lan uno.lan # first\n2001:db8::10 one.lan\nfe80::1%eth0 x\n',
  );
  upstream = await ScriptedUpstream.start({
    script: ({ name, type }) => ({
      answers: type === 'A' ? [addressRecord(name, '192.0.2.1', 300)] : [],
    }),
  });
  await writeFile(file, configuration());
  replica = await startReplica({ upstreams: [upstream.text], file });
});
afterAll(async () => {
  await replica.stop();
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => void upstream.queries.splice(0));

function configuration(): string {
  return `
local:
  hostsFiles: ['${hosts}']
  reloadIntervalMs: 50
  records:
    - nas.home.arpa 60 A 192.0.2.20
    - nas.home.arpa TXT "a store; not a fridge"
    - www.nas.home.arpa CNAME nas.home.arpa
    - out.lan CNAME far.example
    - '*.pods.lan A 192.0.2.30'
    - fixed.pods.lan A 192.0.2.31
    - _dns._tcp.lan SRV 1 2 53 one.lan
    - svc.lan HTTPS 1 . alpn=h2 ipv4hint=192.0.2.40
    - odd.lan TYPE65280 \\# 2 abcd
    - ring.lan CNAME gnir.lan
    - gnir.lan CNAME ring.lan
  rewrites:
    - { name: old.example, to: new.example }
    - { name: cluster.example, match: suffix, to: cluster.internal }
    - { name: sink.example, match: suffix, addresses: ['192.0.2.50', '2001:db8::50'] }
`;
}

async function answersTo(name: string, type: string = 'A'): Promise<readonly string[]> {
  const { code, answers } = await replica.ask({ name, type: type as 'A' });
  return code === 0 ? answers : [`code ${String(code)}`];
}

describe('records of our own', () => {
  test.each<[string, string, readonly string[]]>([
    ['nas.home.arpa', 'A', ['nas.home.arpa 60 A 192.0.2.20']],
    ['nas.home.arpa', 'AAAA', []],
    ['fixed.pods.lan', 'A', ['fixed.pods.lan 300 A 192.0.2.31']],
    ['any.pods.lan', 'A', ['any.pods.lan 300 A 192.0.2.30']],
    ['x.fixed.pods.lan', 'A', ['x.fixed.pods.lan 300 A 192.0.2.1']], // not below the wildcard
    [
      'www.nas.home.arpa',
      'A',
      ['www.nas.home.arpa 300 CNAME nas.home.arpa', 'nas.home.arpa 60 A 192.0.2.20'],
    ],
    ['out.lan', 'A', ['out.lan 300 CNAME far.example', 'far.example 300 A 192.0.2.1']],
    ['out.lan', 'CNAME', ['out.lan 300 CNAME far.example']],
    ['one.lan', 'A', ['one.lan 300 A 192.0.2.10']],
    ['uno.lan', 'A', ['uno.lan 300 A 192.0.2.10']],
    ['one.lan', 'AAAA', ['one.lan 300 AAAA 2001:db8::10']],
    ['10.2.0.192.in-addr.arpa', 'PTR', ['10.2.0.192.in-addr.arpa 300 PTR one.lan']],
    [
      `0.1${'.0'.repeat(22)}.8.b.d.0.1.0.0.2.ip6.arpa`,
      'PTR',
      [`0.1${'.0'.repeat(22)}.8.b.d.0.1.0.0.2.ip6.arpa 300 PTR one.lan`],
    ],
    ['ring.lan', 'A', ['code 2']],
  ])('%s %s', async (name, type, answers) => {
    expect(await answersTo(name, type)).toEqual(answers);
  });

  test('of any type, whole', async () => {
    for (const [name, type] of [
      ['nas.home.arpa', 'TXT'],
      ['_dns._tcp.lan', 'SRV'],
      ['svc.lan', 'HTTPS'],
    ] as const) {
      expect(await answersTo(name, type)).toHaveLength(1);
    }
    const { wire } = await replica.ask({ name: 'odd.lan', type: 65_280 });
    expect(wire.includes(Buffer.from('0002abcd', 'hex'))).toBe(true);
    expect(upstream.queries).toEqual([]);
  });

  test('are ours to say: AA is set, unless an alias leads elsewhere', async () => {
    expect((await replica.ask({ name: 'nas.home.arpa' })).flags).toBe('qr aa rd ra');
    expect((await replica.ask({ name: 'out.lan' })).flags).toBe('qr rd ra');
  });
});

test.each<[string, string, readonly string[]]>([
  ['old.example', 'A', ['old.example 300 CNAME new.example', 'new.example 300 A 192.0.2.1']],
  ['www.old.example', 'A', ['www.old.example 300 A 192.0.2.1']],
  [
    'a.b.cluster.example',
    'A',
    ['a.b.cluster.example 300 CNAME a.b.cluster.internal', 'a.b.cluster.internal 300 A 192.0.2.1'],
  ],
  ['a.sink.example', 'AAAA', ['a.sink.example 300 AAAA 2001:db8::50']],
  ['sink.example', 'MX', []],
])('a rewrite makes of %s %s another name or its addresses', async (name, type, answers) => {
  expect(await answersTo(name, type)).toEqual(answers);
});

test('a name that comes into a hosts file is answered from there, though the cache has it', async () => {
  const later = { name: 'later.example' };
  for (const _ of [1, 2]) {
    expect((await replica.ask(later)).answers).toEqual(['later.example 300 A 192.0.2.1']);
  }
  await writeFile(hosts, '192.0.2.99 later.example\nnonsense line\n');
  await utimes(hosts, 1, 1);
  await waitFor(
    'the new file',
    async () => (await answersTo('later.example'))[0]?.endsWith('.99') === true,
  );
  expect(await answersTo('one.lan')).toEqual(['one.lan 300 A 192.0.2.1']);
  await rm(hosts);
  await waitFor('the log', () => replica.log().includes('the local names stay as they are'));
  expect(await answersTo('later.example')).toEqual(['later.example 300 A 192.0.2.99']);
});

test('a record that cannot be read is named at the start, and refused at a reload', async () => {
  const wrong = `local: { records: ['fine.lan A 192.0.2.1', 'wrong.lan A nowhere'] }\n`;
  const other = join(directory, 'wrong.yaml');
  await writeFile(other, wrong);
  const starting = startReplica({ upstreams: [upstream.text], file: other });
  await expect(starting).rejects.toThrow(ConfigInvalid);
  await expect(starting).rejects.toThrow('local.records[1]: "nowhere" is no address');
  await writeFile(file, wrong);
  replica.replica.reload();
  await waitFor('the refusal', () => replica.log().includes('configuration not reloaded'));
  expect(await answersTo('nas.home.arpa')).toEqual(['nas.home.arpa 60 A 192.0.2.20']);
});

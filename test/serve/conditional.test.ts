import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';

const suffixes = ['everybody', 'corp', 'lab', 'reverse'] as const;
type Role = (typeof suffixes)[number];

let directory: string;
let replica: TestReplica;
let upstreams: Readonly<Record<Role, ScriptedUpstream>>;

/** Answers `192.0.2.N`, or the name that an address has. */
function upstreamOf(number: number): Promise<ScriptedUpstream> {
  return ScriptedUpstream.start({
    script: ({ name, type }) => ({
      answers:
        type === 'PTR'
          ? [{ type, name, ttl: 300, data: 'host.corp.example' }]
          : [addressRecord(name, `192.0.2.${String(number)}`)],
    }),
  });
}

beforeAll(async () => {
  const [everybody, corp, lab, reverse] = await Promise.all([1, 2, 3, 4].map(upstreamOf));
  if (!everybody || !corp || !lab || !reverse) throw new Error('four upstreams are to run');
  upstreams = { everybody, corp, lab, reverse };
  directory = await mkdtemp(join(tmpdir(), 'heimdall-routes-'));
  const file = join(directory, 'heimdall.yaml');
  await writeFile(
    file,
    `
routes:
  - { suffix: corp.example, servers: ['tcp://127.0.0.1:1', '${corp.text}'], strategy: sequential }
  - { suffix: lab.corp.example, servers: ['${lab.text}'] }
  - { suffix: 10.in-addr.arpa, servers: ['${reverse.text}'] }
  - { suffix: cluster.local, servers: ['${corp.text}'] }
local:
  rewrites: [{ name: office.example, match: suffix, to: corp.example }]
`,
  );
  replica = await startReplica({ upstreams: [everybody.text], file });
});
afterAll(async () => {
  await replica.stop();
  await Promise.all(Object.values(upstreams).map((upstream) => upstream.stop()));
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => {
  for (const upstream of Object.values(upstreams)) upstream.queries.splice(0);
});

/** Who was asked. */
function asked(): Role[] {
  return suffixes.filter((role) => upstreams[role].queries.length > 0);
}

describe('upstreams for a suffix', () => {
  test.each<readonly [string, Role, string]>([
    ['www.example', 'everybody', '192.0.2.1'],
    ['notcorp.example', 'everybody', '192.0.2.1'],
    ['corp.example', 'corp', '192.0.2.2'],
    ['deep.below.CORP.example', 'corp', '192.0.2.2'],
    ['host.lab.corp.example', 'lab', '192.0.2.3'],
    ['svc.default.svc.cluster.local', 'corp', '192.0.2.2'],
  ])('%s is asked of %s alone, by UDP and by TCP', async (name, role, address) => {
    expect((await replica.ask({ name })).answers).toEqual([`${name} 300 A ${address}`]);
    expect((await replica.askTcp({ name })).answers).toEqual([`${name} 300 A ${address}`]);
    expect(asked()).toEqual([role]);
  });

  test('the reverse zone of a private network is asked of who has it, and no other (RFC 6303)', async () => {
    const ours = await replica.ask({ name: '1.0.0.10.in-addr.arpa', type: 'PTR' });
    expect(ours.answers).toEqual(['1.0.0.10.in-addr.arpa 300 PTR host.corp.example']);
    const nobodys = await replica.ask({ name: '1.1.168.192.in-addr.arpa', type: 'PTR' });
    expect(nobodys).toMatchObject({ code: 3, answers: [] });
    expect(asked()).toEqual(['reverse']);
  });

  test('a name that is rewritten into the suffix is asked of its upstreams', async () => {
    const { answers } = await replica.ask({ name: 'wiki.office.example' });
    expect(answers).toEqual([
      'wiki.office.example 300 CNAME wiki.corp.example',
      'wiki.corp.example 300 A 192.0.2.2',
    ]);
    expect(asked()).toEqual(['corp']);
  });

  test('when all of them fail, nobody else is asked for what is theirs', async () => {
    upstreams.lab.script = () => ({ code: 2 });
    expect((await replica.ask({ name: 'new.lab.corp.example' })).code).toBe(2);
    expect(asked()).toEqual(['lab']);
  });
});

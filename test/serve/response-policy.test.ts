import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let directory: string;
let upstream: ScriptedUpstream;
let replica: TestReplica;

const zone = `$ORIGIN rpz.example.
@ SOA ns.example. host.example. 1 3600 600 86400 60
gone.example CNAME .
*.gone.example CNAME *.
quiet.example CNAME rpz-drop.
slow.example CNAME rpz-tcp-only.
walled.example A 192.0.2.80
walled.example TXT "not here"
alias.example CNAME garden.example.
*.walled.example CNAME *.garden.example.
fine.gone.example CNAME rpz-passthru.
`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-rpz-'));
  const path = join(directory, 'policy.zone');
  await writeFile(path, zone);
  upstream = await ScriptedUpstream.start({
    script: ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', 300)] }),
  });
  const file = join(directory, 'heimdall.yaml');
  await writeFile(
    file,
    `filter: { lists: [{ name: policy, format: rpz, files: ['${path}'], extendedError: filtered }] }\n`,
  );
  replica = await startReplica({ upstreams: [upstream.text], file });
});
afterAll(async () => {
  await replica.stop();
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});

describe('names in a response policy zone', () => {
  test('do not exist, or have nothing, as the nearest rule says; extended error 17 as the list says', async () => {
    const gone = await replica.ask({ name: 'gone.example', edns: {} });
    expect([gone.code, gone.answers, gone.extendedErrors]).toEqual([3, [], ['17 list policy']]);
    const below = await replica.ask({ name: 'www.gone.example' });
    expect([below.code, below.answers, below.authorities.length]).toEqual([0, [], 1]);
  });

  test('are let through by rpz-passthru', async () => {
    const { answers } = await replica.ask({ name: 'fine.gone.example' });
    expect(answers).toEqual(['fine.gone.example 300 A 192.0.2.1']);
  });

  test('have the records of the zone, and no others', async () => {
    const answersOf = async (type: string): Promise<readonly string[]> =>
      (await replica.ask({ name: 'walled.example', type: type as 'A' })).answers;
    expect(await answersOf('A')).toEqual(['walled.example 60 A 192.0.2.80']);
    expect(await answersOf('TXT')).toHaveLength(1);
    expect(await answersOf('MX')).toEqual([]);
  });

  test('are an alias of what upstream has; a wildcard keeps the name', async () => {
    const alias = await replica.ask({ name: 'alias.example' });
    expect(alias.answers).toEqual([
      'alias.example 60 CNAME garden.example',
      'garden.example 300 A 192.0.2.1',
    ]);
    const wild = await replica.ask({ name: 'a.walled.example' });
    expect(wild.answers[0]).toBe('a.walled.example 60 CNAME a.walled.example.garden.example');
  });

  test('are truncated over UDP and answered over TCP by rpz-tcp-only', async () => {
    const udp = await replica.ask({ name: 'slow.example' });
    expect([udp.flags, udp.answers]).toEqual(['qr tc rd ra', []]);
    const tcp = await replica.askTcp({ name: 'slow.example' });
    expect(tcp.answers).toEqual(['slow.example 300 A 192.0.2.1']);
    expect((await replica.ask({ name: 'slow.example' })).flags).toContain('tc');
  });

  test('get no answer by rpz-drop', async () => {
    const dropped = replica.ask({ name: 'quiet.example' });
    dropped.catch(() => undefined); // nobody waits for it to give up
    await waitFor('the drop', async () => {
      const [line] = await replica.metric('heimdall_queries_dropped_total{reason="filter"}');
      return line?.endsWith(' 1') === true;
    });
  });
});

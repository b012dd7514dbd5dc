import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { runHeimdall } from '../support/processes.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster, connected, patient } from './cluster.ts';

let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster;
let address = '192.0.2.1';

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    script: ({ name }) => ({ answers: [addressRecord(name, address)] }),
  });
  member = await startMember();
  cluster = await Cluster.start({ replicas: 3, upstreams: [upstream], member, set: patient });
}, memberStartMs);

afterAll(async () => {
  await cluster?.stop();
  await member?.kill9();
  await upstream?.stop();
});

/** What each replica answers. */
function answersTo(name: string): Promise<(string | undefined)[]> {
  return Promise.all(
    cluster.clients.map(async (client) => (await client.read(name)).answers[0]?.split(' ')[3]),
  );
}

/** Until every replica and the grid have forgotten what they had. */
async function allAnswer(name: string, wanted: string): Promise<void> {
  await waitFor(`all replicas to answer ${wanted}`, async () =>
    (await answersTo(name)).every((answer) => answer === wanted),
  );
}

let last = 1;

/** All have an answer; upstream changes its mind; one replica is told to flush. */
async function flushAfterChange(names: readonly string[], ...target: string[]): Promise<string> {
  for (const name of names) expect(new Set(await answersTo(name)).size).toBe(1);
  address = `192.0.2.${String(++last)}`;
  const { api } = cluster.replica(1);
  const { code, stderr } = await runHeimdall(['cache', 'flush', ...target, '--api', api]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return address;
}

test('a name flushed at one replica is gone from the L1 of all and from the grid', async () => {
  const names = ['one.name.example', 'two.name.example'];
  const before = address;
  const after = await flushAfterChange(names, '--name', 'one.name.example');
  await allAnswer('one.name.example', after);
  expect(new Set(await answersTo('two.name.example'))).toEqual(new Set([before]));
});

test('so is a domain with all below it', async () => {
  const names = ['suffix.example', 'deep.er.suffix.example'];
  const after = await flushAfterChange(names, '--suffix', 'suffix.example');
  for (const name of names) await allAnswer(name, after);
});

test('so is everything', async () => {
  const after = await flushAfterChange(['all.example', 'else.test-zone.example'], '--all');
  for (const name of ['all.example', 'else.test-zone.example']) await allAnswer(name, after);
});

test(
  'still so after the member was restarted',
  async () => {
    const names = ['restarted.example'];
    await answersTo('restarted.example');
    await member.kill9();
    await waitFor(
      'the replicas to notice',
      async () => (await cluster.sum('heimdall_grid_connected')) === 0,
    );
    await member.restart();
    await Promise.all(cluster.replicas.map(connected));
    const after = await flushAfterChange(names, '--name', 'restarted.example');
    await allAnswer('restarted.example', after);
  },
  memberStartMs,
);

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ClusterView } from '../../src/telemetry/cluster-view.ts';
import { askFromMany, clientsCount } from '../support/many-clients.ts';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { runHeimdall } from '../support/processes.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster, patient, queriesPerName } from './cluster.ts';

let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster;
let address = '192.0.2.1';

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    script: ({ name }) => ({ answers: [addressRecord(name, address)] }),
  });
  member = await startMember();
  const set = { ...patient, workers: '2' };
  cluster = await Cluster.start({ replicas: 2, upstreams: [upstream], member, set });
}, memberStartMs);

afterAll(async () => {
  await cluster?.stop();
  await member?.kill9();
  await upstream?.stop();
});

async function everywhere(name: string): Promise<string[]> {
  const query = encodeQuery({ name });
  const answers = await Promise.all(cluster.replicas.map((replica) => askFromMany(replica, query)));
  return answers.flat().map((answer) => readMessage(answer).answers[0]?.split(' ')[3] ?? '');
}

test('two pods of two workers each are two replicas to the grid', async () => {
  const view = await waitFor('both replicas', async () => {
    const response = await fetch(`${cluster.replica(0).api}/api/v1/cluster`);
    const seen = (await response.json()) as ClusterView & { readonly workers: unknown[] };
    return seen.replicas.length >= 2 ? seen : undefined;
  });
  expect(view.replicas.map(({ id }) => id.split('-')[0])).toEqual(['r1', 'r2']);
  expect(view.workers).toHaveLength(2);
});

test('a name asked of all workers at once is fetched once, and counted as often as asked', async () => {
  const asked = ['a.example', 'b.example', 'c.example'];
  for (const name of asked) expect(new Set(await everywhere(name))).toEqual(new Set([address]));
  const counts = queriesPerName([upstream]);
  expect(asked.map((name) => counts.get(name))).toEqual([1, 1, 1]);
  const series = 'heimdall_queries_total{transport="udp",type="A"}';
  const sent = 2 * clientsCount * asked.length;
  expect(await cluster.sum(series)).toBe(sent);
  await waitFor('the total of the cluster', async () => {
    const page = await (await fetch(`${cluster.replica(1).api}/metrics/cluster`)).text();
    return page.split('\n').includes(`${series} ${String(sent)}`);
  });
});

test('a flush told to one pod reaches the workers of the other', async () => {
  await everywhere('flushed.example');
  address = '192.0.2.2';
  const { api } = cluster.replica(1);
  const { code } = await runHeimdall(['cache', 'flush', '--name', 'flushed.example', '--api', api]);
  expect(code).toBe(0);
  await waitFor('the new address everywhere', async () =>
    (await everywhere('flushed.example')).every((answer) => answer === address),
  );
});

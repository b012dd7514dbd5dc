import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ListServer, serveText } from '../filter/list-server.ts';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster } from './cluster.ts';

let directory: string;
let server: ListServer;
let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster | undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-lists-'));
  server = await ListServer.start(serveText('ads.example\n'));
  [upstream, member] = await Promise.all([
    ScriptedUpstream.start({ script: () => ({ code: 3 }) }),
    startMember(),
  ]);
}, memberStartMs);
afterAll(async () => {
  await cluster?.stop();
  await Promise.all([upstream.stop(), member.stop(), server.stop()]);
  await rm(directory, { recursive: true, force: true });
});

/** A list from the server; each replica keeps copies in a place of its own. */
async function start(refreshIntervalMs: number): Promise<Cluster> {
  const file = join(directory, 'heimdall.yaml');
  const lists = [{ name: 'ads', urls: [`${server.origin}/ads.txt`] }];
  await writeFile(file, JSON.stringify({ filter: { refreshIntervalMs, lists } }));
  cluster = await Cluster.start({
    replicas: 3,
    upstreams: [upstream],
    member,
    file,
    setEach: (index) => ({ 'filter.directory': join(directory, `copies-${String(index)}`) }),
  });
  return cluster;
}

async function blockedAt({ clients }: Cluster, name: string): Promise<number> {
  const read = await Promise.all(clients.map((client) => client.read(name)));
  return read.filter(({ answers }) => answers[0]?.endsWith('A 0.0.0.0') === true).length;
}

test('one replica fetches a list for all, and what is new in it comes to all', async () => {
  const running = await start(3000);
  expect(await blockedAt(running, 'ads.example')).toBe(3);
  expect(server.requests.length).toBe(1);
  expect(await running.sum('heimdall_filter_fetches_total{list="ads",result="new"}')).toBe(1);
  expect(await running.sum('heimdall_filter_fetches_total{list="ads",result="shared"}')).toBe(2);

  server.answer = serveText('ads.example\nlater.example\n', '"2"');
  await waitFor('the new list', async () => (await blockedAt(running, 'later.example')) === 3);
  const looks = await running.sum('heimdall_filter_fetches_total{list="ads",result="unchanged"}');
  expect(server.requests.length).toBeLessThanOrEqual(2 + looks / 2);
  expect(await running.sum('heimdall_filter_fetches_total{list="ads",result="failure"}')).toBe(0);
});

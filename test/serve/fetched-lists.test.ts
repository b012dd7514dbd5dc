import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ListServer, serveText } from '../filter/list-server.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let directory: string;
let upstream: ScriptedUpstream;
let server: ListServer;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-lists-'));
  server = await ListServer.start(serveText('ads.example\n'));
  upstream = await ScriptedUpstream.start({
    script: ({ name, type }) => ({
      answers: type === 'A' ? [addressRecord(name, '127.0.0.1', 300)] : [],
    }),
  });
  file = join(directory, 'heimdall.yaml');
  const url = `http://lists.example:${String(server.port)}/ads.txt`;
  await writeFile(
    file,
    `
filter:
  directory: ${join(directory, 'copies')}
  refreshIntervalMs: 200
  lists: [{ name: ads, urls: ['${url}'] }]
`,
  );
});
afterAll(async () => {
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});

async function isBlocked(replica: TestReplica, name: string): Promise<boolean> {
  const { answers } = await replica.ask({ name });
  return answers[0]?.endsWith('A 0.0.0.0') === true;
}

test('a list from a URL is in force when the replica is ready, follows what lies there, and outlives its server', async () => {
  const replica = await startReplica({ upstreams: [upstream.text], file });
  expect(await isBlocked(replica, 'ads.example')).toBe(true);
  expect(upstream.queries.some(({ name }) => name.toLowerCase() === 'lists.example')).toBe(true);

  expect(await isBlocked(replica, 'later.example')).toBe(false);
  server.answer = serveText('ads.example\nlater.example\n', '"2"');
  await waitFor('the new list', () => isBlocked(replica, 'later.example'));
  const [news] = await replica.metric('heimdall_filter_fetches_total{list="ads",result="new"}');
  expect(news).toMatch(/ 2$/);

  await server.stop();
  await waitFor('a failure', async () => {
    const label = 'heimdall_filter_fetches_total{list="ads",result="failure"}';
    return Number((await replica.metric(label))[0]?.split(' ')[1]) > 0;
  });
  expect(await isBlocked(replica, 'later.example')).toBe(true);
  expect(replica.log()).toContain('a list was not fetched');
  await replica.stop();

  const next = await startReplica({ upstreams: [upstream.text], file });
  expect(await isBlocked(next, 'later.example')).toBe(true);
  await next.stop();
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { formatAddress } from '../../src/base/address.ts';
import { UdpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { runHeimdall } from '../support/processes.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let directory: string;
let upstream: ScriptedUpstream;
let replica: TestReplica;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-pause-'));
  const list = join(directory, 'ads.txt');
  const file = join(directory, 'heimdall.yaml');
  await writeFile(list, 'ads.example\n');
  await writeFile(
    file,
    `filter:
  lists: [{ name: ads, files: ['${list}'] }]
  groups: [{ name: build, clients: [127.0.0.2/32], lists: [ads] }]
`,
  );
  upstream = await ScriptedUpstream.start({
    script: ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', 300)] }),
  });
  replica = await startReplica({ upstreams: [upstream.text], file });
});
afterEach(async () => {
  await pause({ seconds: 0 });
  await pause({ group: 'build', seconds: 0 });
});
afterAll(async () => {
  await replica.stop();
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});

async function isBlocked(from = '127.0.0.1'): Promise<boolean> {
  const client = new UdpClient(replica.address, from);
  try {
    const { answers } = readMessage(await client.ask(encodeQuery({ name: 'ads.example' })));
    return answers[0]?.endsWith('0.0.0.0') === true;
  } finally {
    await client.close();
  }
}

function pause(body: object): Promise<Response> {
  return replica.http('/api/v1/filter/pauses', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

test('a pause lets names through for everybody, and ends by itself', async () => {
  expect(await isBlocked()).toBe(true);
  await pause({ seconds: 0.3 });
  expect([await isBlocked(), await isBlocked('127.0.0.2')]).toEqual([false, false]);
  expect(await replica.metric('heimdall_filter_pauses')).toEqual(['heimdall_filter_pauses 1']);
  await waitFor('its end', () => isBlocked());
  expect(await replica.metric('heimdall_filter_pauses')).toEqual(['heimdall_filter_pauses 0']);
});

test('a pause of a group is for its clients alone, also for what is in the cache', async () => {
  await pause({ group: 'build', seconds: 60 });
  for (const _ of [1, 2]) {
    expect([await isBlocked(), await isBlocked('127.0.0.2')]).toEqual([true, false]);
  }
});

test.each([
  [{ seconds: -1 }, 'seconds must be a number'],
  [{ seconds: 1e9 }, 'seconds must be a number'],
  [{ group: 'nobody', seconds: 1 }, 'group must be one of build'],
  [{ group: 1, seconds: 1 }, 'group must be a name'],
  [{}, 'seconds must be a number'],
])('a pause of %j is refused', async (body, message) => {
  const response = await pause(body);
  expect([response.status, await response.text()]).toEqual([400, expect.stringContaining(message)]);
});

test('heimdall filter pauses, shows it and resumes', async () => {
  const { httpAddress } = replica.replica;
  const api = ['--api', `http://${httpAddress === undefined ? '' : formatAddress(httpAddress)}`];
  const paused = await runHeimdall(['filter', 'pause', '--for', '10m', '--group', 'build', ...api]);
  expect([paused.code, paused.stdout]).toEqual([0, 'group build: paused for 600 s more\n']);
  expect(await isBlocked('127.0.0.2')).toBe(false);
  const all = await runHeimdall(['filter', 'resume', '--group', 'build', ...api]);
  expect(all.stdout).toBe('the lists hold\n');
  expect((await runHeimdall(['filter', 'status', ...api])).stdout).toBe('the lists hold\n');
  expect(await isBlocked('127.0.0.2')).toBe(true);
  const wrong = await runHeimdall(['filter', 'pause', '--for', 'ever', ...api]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('is no time')]);
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ListServer, serveText } from '../filter/list-server.ts';
import { askFromMany } from '../support/many-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { ReplicaProcess } from '../support/processes.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let upstream: ScriptedUpstream;
let server: ListServer;
let directory: string;
let replica: ReplicaProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-pod-filter-'));
  server = await ListServer.start(serveText('ads.example\n'));
  upstream = await ScriptedUpstream.start({
    script: ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', 300)] }),
  });
  replica = await ReplicaProcess.start({
    workers: '2',
    'upstream.servers': upstream.text,
    'upstream.loopDetection': 'false',
    'filter.directory': directory,
    'filter.refreshIntervalMs': '200',
    'filter.lists': `[{name: ads, urls: ["${server.origin}/ads.txt"]}]`,
    'local.records': 'nas.lan A 192.0.2.20',
  });
});
afterAll(async () => {
  await replica.kill();
  await server.stop();
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});

/** What clients get whose ports lead to either worker. */
async function answersTo(name: string): Promise<ReadonlySet<string>> {
  const answers = await askFromMany(replica, encodeQuery({ name }));
  return new Set(answers.map((answer) => readMessage(answer).answers.join()));
}

async function allAnswer(name: string, ending: string): Promise<void> {
  await waitFor(`all to answer ${name} with ${ending}`, async () => {
    const found = [...(await answersTo(name))];
    return found.length === 1 && found[0]?.endsWith(` ${ending}`) === true;
  });
}

test('workers have the list that their primary fetches, follow it, and know names of our own', async () => {
  await allAnswer('ads.example', '0.0.0.0');
  await allAnswer('nas.lan', '192.0.2.20');
  await allAnswer('later.example', '192.0.2.1');
  server.answer = serveText('ads.example\nlater.example\n', '"2"');
  await allAnswer('later.example', '0.0.0.0');
});

test('a pause of the filter is one of all workers', async () => {
  const pause = async (seconds: number): Promise<void> => {
    const response = await fetch(`${replica.api}/api/v1/filter/pauses`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ seconds }),
    });
    expect(response.status).toBe(200);
  };
  await pause(60);
  await allAnswer('ads.example', '192.0.2.1');
  await pause(0);
  await allAnswer('ads.example', '0.0.0.0');
});

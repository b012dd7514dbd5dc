import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { askUdp } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { ReplicaProcess } from '../support/processes.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let upstreams: readonly [ScriptedUpstream, ScriptedUpstream];
let directory: string;
let replica: ReplicaProcess;
let version = 0;

beforeAll(async () => {
  upstreams = await Promise.all([upstreamWith('192.0.2.1'), upstreamWith('192.0.2.2')]);
  directory = await mkdtemp(join(tmpdir(), 'heimdall-reload-'));
  await mount(configuration(0));
  await symlink(join('..data', 'heimdall.yaml'), join(directory, 'heimdall.yaml'));
  const config = join(directory, 'heimdall.yaml');
  const argv = ['serve', '-c', config, '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'];
  replica = await ReplicaProcess.launch(argv);
});
afterAll(async () => {
  expect((await replica.stop()).code).toBe(0);
  await Promise.all(upstreams.map((upstream) => upstream.stop()));
  await rm(directory, { recursive: true, force: true });
});

/** Its answers are kept, but for those for `www.example`. */
function upstreamWith(address: string): Promise<ScriptedUpstream> {
  return ScriptedUpstream.start({
    script: ({ name }) => ({
      answers: [addressRecord(name, address, name.toLowerCase() === 'www.example' ? 0 : 300)],
    }),
  });
}

function configuration(index: 0 | 1): string {
  return `upstream:\n  servers: ['${upstreams[index].text}']\nlog:\n  format: json\n`;
}

/** Puts a file in place as Kubernetes does: a new directory, and the link `..data` swapped to it. */
async function mount(text: string): Promise<void> {
  const target = `..version_${String(++version)}`;
  await mkdir(join(directory, target));
  await writeFile(join(directory, target, 'heimdall.yaml'), text);
  await symlink(target, join(directory, '..data_tmp'));
  await rename(join(directory, '..data_tmp'), join(directory, '..data'));
}

async function answer(): Promise<string | undefined> {
  const response = await askUdp(replica.address, encodeQuery({ name: 'www.example' }));
  return readMessage(response).answers[0];
}

function reloads(result: string): Promise<number | undefined> {
  return replica.metric(`heimdall_config_reloads_total{result="${result}"}`);
}

describe('a reload', () => {
  test('by SIGHUP takes what changed, without a query lost', async () => {
    expect(await answer()).toBe('www.example 0 A 192.0.2.1');
    await mount(configuration(1));
    replica.signal('SIGHUP');
    await waitFor('the reload', async () => (await reloads('success')) === 1);
    expect(await answer()).toBe('www.example 0 A 192.0.2.2');
    expect(replica.lines('configuration reloaded')).toMatchObject([
      { changed: ['upstream.servers'] },
    ]);
  });

  test('of a bad file keeps the running configuration, says why, and counts', async () => {
    await mount('upstream:\n  servers: [nowhere:99999]\n  stratgey: fastest\n');
    replica.signal('SIGHUP');
    await waitFor('the reload', async () => ((await reloads('failure')) ?? 0) >= 1);
    expect(await answer()).toBe('www.example 0 A 192.0.2.2');
    const [line] = replica.lines('configuration not reloaded: the running one stays');
    expect(JSON.stringify(line)).toContain('heimdall.yaml:3: upstream.stratgey');
    expect(JSON.stringify(line)).toContain('strategy');
    expect(await reloads('success')).toBe(1);
  });

  test('forgets what is answered here from then on, and what has another route', async () => {
    const ask = async (name: string): Promise<string> => {
      const { code, answers } = readMessage(await askUdp(replica.address, encodeQuery({ name })));
      return answers[0] ?? `code ${String(code)}`;
    };
    const set = async (rest: string, reloaded: number): Promise<void> => {
      await mount(configuration(0) + rest);
      replica.signal('SIGHUP');
      await waitFor('the reload', async () => (await reloads('success')) === reloaded);
    };
    await set('local: { specialNames: { local: false } }\n', 2);
    const names = ['printer.local', 'www.corp.example', 'kept.example'];
    for (const name of names) expect(await ask(name)).toBe(`${name} 300 A 192.0.2.1`);
    await set(`routes: [{ suffix: corp.example, servers: ['${upstreams[1].text}'] }]\n`, 3);
    expect(await ask('printer.local')).toBe('code 3');
    expect(await ask('www.corp.example')).toBe('www.corp.example 300 A 192.0.2.2');
    const questions = upstreams[0].queries.length;
    expect(await ask('kept.example')).toMatch(/ 192\.0\.2\.1$/);
    expect(upstreams[0].queries).toHaveLength(questions);
  });

  test('comes by itself when a ConfigMap is swapped in by its link', async () => {
    await mount(configuration(1));
    await waitFor('the reload', async () => (await reloads('success')) === 4);
    expect(await answer()).toBe('www.example 0 A 192.0.2.2');
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { answerAll, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let directory: string;
let upstream: ScriptedUpstream;
let replica: TestReplica;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-names-'));
  file = join(directory, 'heimdall.yaml');
  upstream = await ScriptedUpstream.start();
  await writeFile(file, configuration(false));
  replica = await startReplica({ upstreams: [upstream.text], file });
});
afterAll(async () => {
  await replica.stop();
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => {
  upstream.script = answerAll;
  upstream.queries.splice(0);
});

function configuration(fullNamesOnly: boolean): string {
  return `
local:
  fullNamesOnly: ${String(fullNamesOnly)}
  records: [printer A 192.0.2.9]
routes: [{ suffix: corp, servers: ['${upstream.text}'] }]
`;
}

describe('names of one label', () => {
  test('go upstream by default, and are kept', async () => {
    expect((await replica.askBothWays({ name: 'intranet' })).answers).toHaveLength(1);
    expect(upstream.queries).toHaveLength(1);
  });

  test('have no addresses from the moment on that only full names go upstream, whatever is kept', async () => {
    await writeFile(file, configuration(true));
    replica.replica.reload();
    await waitFor('the answer from here', async () => {
      const { answers } = await replica.ask({ name: 'intranet' });
      return answers.length === 0;
    });
    for (const type of ['A', 'AAAA', 'HTTPS', 'SVCB'] as const) {
      const { code, flags, answers, authorities } = await replica.ask({ name: 'InTraNet', type });
      expect({ code, flags, answers }).toEqual({ code: 0, flags: 'qr aa rd ra', answers: [] });
      expect(authorities).toEqual([expect.stringMatching(/^InTraNet 300 SOA /)]);
    }
    expect(upstream.queries).toEqual([]);
  });

  test('but top-level domains are still asked about, as who validates does', async () => {
    for (const type of ['NS', 'DS', 'SOA'] as const) await replica.ask({ name: 'example', type });
    await replica.ask({ name: '', type: 'A' });
    await replica.ask({ name: 'www.example' });
    expect(upstream.queries.map(({ type }) => type)).toEqual(['NS', 'DS', 'SOA', 'A', 'A']);
  });

  test('nor is what has a record, a route or a meaning of its own touched', async () => {
    const answersOf = async (name: string): Promise<readonly string[]> =>
      (await replica.ask({ name })).answers;
    expect(await answersOf('printer')).toEqual(['printer 300 A 192.0.2.9']);
    expect(await answersOf('localhost')).toEqual(['localhost 10800 A 127.0.0.1']);
    expect(await answersOf('corp')).toEqual(['corp 300 A 192.0.2.1']);
  });
});

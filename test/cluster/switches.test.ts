import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { tally } from './asker.ts';
import type { Asked } from './asker.ts';
import { Cluster, patient } from './cluster.ts';

type Mode = 'off' | 'observe' | 'on';

const replicaCount = 3;
const queryCount = 600;
const nameCount = 150;

let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster;
let directory: string;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  member = await startMember();
  directory = await mkdtemp(join(tmpdir(), 'heimdall-switches-'));
  const file = join(directory, 'heimdall.yaml');
  await writeFile(file, configuration('off'));
  const set = { ...patient, 'cache.prefetch.enabled': 'false' };
  cluster = await Cluster.start({
    replicas: replicaCount,
    upstreams: [upstream],
    member,
    set,
    file,
  });
}, memberStartMs);

afterAll(async () => {
  await cluster?.stop();
  await member?.kill9();
  await upstream?.stop();
  await rm(directory, { recursive: true, force: true });
});

function configuration(mode: Mode): string {
  const capabilities = ['sharedCache', 'deduplication', 'sharedHealth', 'clusterMetrics'];
  const lines = capabilities.map((name) => `  ${name}: { mode: "${mode}" }\n`);
  return `grid:\n${lines.join('')}`;
}

/** Changes all switches of all replicas while they run. */
async function turn(mode: Mode): Promise<void> {
  await writeFile(join(directory, 'heimdall.yaml'), configuration(mode));
  for (const { api } of cluster.replicas) {
    const response = await fetch(`${api}/api/v1/config/reload`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(response.status).toBe(200);
  }
  await waitFor('the switches', async () => {
    const shown = await Promise.all(
      cluster.replicas.map(({ api }) => fetch(`${api}/api/v1/config`)),
    );
    const texts = await Promise.all(shown.map((response) => response.text()));
    return texts.every((text) => text.includes(`"sharedCache":{"mode":"${mode}"`));
  });
}

/** The same queries each time but for their zone: by Zipf popularity, each of any replica. */
async function askByPopularity(zone: string): Promise<Asked[]> {
  const random = new SeededRandom(7);
  const asked: Asked[] = [];
  for (let i = 0; i < queryCount; i++) {
    const rank = Math.floor(nameCount ** random.fraction()); // density 1/x: Zipf of exponent 1
    const client = cluster.client(Math.floor(random.fraction() * replicaCount));
    asked.push(await client.ask(`n${String(rank)}.${zone}`));
  }
  return asked;
}

/** What a mode comes to for the clients and for the upstream. */
async function run(mode: Mode): Promise<{ upstreamQueries: number; verdicts: object }> {
  await turn(mode);
  upstream.queries.length = 0;
  const verdicts = tally(await askByPopularity(`${mode}.example`));
  return { upstreamQueries: upstream.queries.length, verdicts };
}

/** Share of looks that found something, by what a counter says. */
async function hitRatio(counter: string): Promise<number> {
  const hits = await cluster.sum(`${counter}{result="hit"}`);
  return hits / (hits + (await cluster.sum(`${counter}{result="miss"}`)));
}

test('off does nothing, observe changes nothing and foretells what on then does, each by a reload', async () => {
  const off = await run('off');
  expect(off.verdicts).toEqual({ '0/1': queryCount });
  for (const operation of ['look', 'share', 'lease']) {
    const calls = `heimdall_grid_operation_seconds_count{operation="${operation}",outcome="ok"}`;
    expect(await cluster.sum(calls)).toBe(0);
  }

  const observed = await run('observe');
  expect(observed).toEqual(off);
  const foretold = await hitRatio('heimdall_grid_predicted_looks_total');
  expect(await cluster.sum('heimdall_grid_looks_total{result="miss"}')).toBe(0);

  const on = await run('on');
  expect(on.verdicts).toEqual(off.verdicts);
  const seen = await hitRatio('heimdall_grid_looks_total');
  expect(seen).toBeGreaterThan(0.2);
  expect(Math.abs(foretold - seen)).toBeLessThan(0.05);
  expect(on.upstreamQueries).toBeLessThan(off.upstreamQueries);

  const again = await run('off');
  expect(again.verdicts).toEqual(off.verdicts);
}, 60_000);

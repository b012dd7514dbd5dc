import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { answerAll, ScriptedUpstream } from '../support/scripted-upstream.ts';
import type { Script } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { Cluster } from './cluster.ts';

let preferred: ScriptedUpstream;
let other: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster;
let names = 0;

beforeAll(async () => {
  preferred = await ScriptedUpstream.start();
  other = await ScriptedUpstream.start();
  member = await startMember();
}, memberStartMs);

beforeEach(async () => {
  preferred.script = answerAll;
  preferred.queries.length = 0;
  cluster = await Cluster.start({
    replicas: 3,
    upstreams: [preferred, other],
    member,
    set: {
      'upstream.strategy': 'sequential',
      'upstream.tryTimeoutMinMs': '200',
      'upstream.health.failureTimeoutMs': '200',
      'upstream.health.backoffMinMs': '500',
      'grid.sharedHealth.intervalMs': '500',
    },
    setEach: (index) => ({ 'upstream.health.probeName': probeName(index) }),
  });
}, 30_000);

afterEach(() => cluster.stop());

afterAll(async () => {
  await member?.kill9();
  await preferred?.stop();
  await other?.stop();
});

/** Tells whose probe it is. */
function probeName(index: number): string {
  return `r${String(index)}.probe`;
}

function isProbe({ name }: { readonly name: string }): boolean {
  return name.endsWith('.probe');
}

interface View {
  readonly state: string;
  readonly agreed: string;
}

/** What a replica says of the upstream that is preferred. */
async function viewOf(index: number): Promise<View> {
  const response = await fetch(`${cluster.replica(index).api}/api/v1/upstreams`);
  const { upstreams } = (await response.json()) as {
    readonly upstreams: readonly (View & { readonly server: string })[];
  };
  const view = upstreams.find(({ server }) => server.endsWith(preferred.text));
  if (view === undefined) throw new Error(`no upstream ${preferred.text}`);
  return view;
}

/** Asks a replica for new names until it finds an upstream so. */
async function askUntil(index: number, zone: string, is: (view: View) => boolean): Promise<void> {
  await waitFor('an upstream to be found so', async () => {
    const { code } = await cluster.client(index).read(`n${String(++names)}.${zone}`);
    expect(code).toBe(0);
    return is(await viewOf(index));
  });
}

/** Mute about everything that replicas ask for in this zone, and when this one probes. */
function muteFor(index: number, zone: string): Script {
  return (query) => {
    const name = query.name.toLowerCase();
    return name === probeName(index) || name.endsWith(zone) ? undefined : answerAll(query);
  };
}

test('an upstream that most replicas find dead is not even tried by one that never asked it', async () => {
  preferred.script = () => undefined;
  for (const index of [0, 1])
    await askUntil(index, 'dead.example', ({ state }) => state === 'down');
  await waitFor('the third to hear', async () => (await viewOf(2)).agreed === 'down');
  const triesBefore = preferred.queries.length;
  const probes = (): number => preferred.queries.filter(isProbe).length;
  const probesBefore = probes();
  const { wire, latencyMs } = await cluster.client(2).ask('third.dead.example');
  expect(wire).toBeDefined();
  expect(latencyMs).toBeLessThan(200);
  expect(preferred.queries.length - triesBefore).toBe(probes() - probesBefore);
});

test('one busy replica is enough: those that are asked seldom look for themselves at once', async () => {
  for (const index of [0, 1, 2])
    await askUntil(index, 'well.example', ({ state }) => state === 'up');
  preferred.script = () => undefined;
  await askUntil(0, 'stops.example', ({ state }) => state === 'down');
  const tries = (): number => preferred.queries.filter((query) => !isProbe(query)).length;
  const triesBefore = tries();
  for (const index of [1, 2]) {
    await waitFor('the idle ones to know', async () => (await viewOf(index)).state === 'down');
    const { code } = await cluster.client(index).read(`idle${String(index)}.stops.example`);
    expect(code).toBe(0);
  }
  expect(tries()).toBe(triesBefore);
  expect((await viewOf(1)).agreed).toBe('down');
});

test('an upstream that one replica cannot reach is kept by the others', async () => {
  for (const index of [1, 2]) await askUntil(index, 'fine.example', ({ state }) => state === 'up');
  preferred.script = muteFor(0, 'blind.example');
  await askUntil(0, 'blind.example', ({ state }) => state === 'down');
  for (const index of [1, 2]) {
    await waitFor('the others to agree', async () => (await viewOf(index)).agreed === 'up');
    const before = preferred.queries.length;
    expect((await cluster.client(index).read(`kept${String(index)}.fine.example`)).code).toBe(0);
    expect(preferred.queries.length).toBeGreaterThan(before);
  }
  expect((await viewOf(0)).state).toBe('down');
});

test('an upstream that is back is used by all again', async () => {
  preferred.script = () => undefined;
  for (const index of [0, 1, 2]) {
    await askUntil(
      index,
      'gone.example',
      ({ state, agreed }) => state === 'down' || agreed === 'down',
    );
  }
  preferred.script = answerAll;
  for (const index of [0, 1, 2]) {
    await askUntil(
      index,
      'back.example',
      ({ agreed, state }) => agreed === 'up' && state !== 'down',
    );
    const before = preferred.queries.length;
    await cluster.client(index).read(`used${String(index)}.back.example`);
    expect(preferred.queries.length).toBeGreaterThan(before);
  }
});

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePorts } from '../support/free-ports.ts';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { tally } from './asker.ts';
import type { Asked } from './asker.ts';
import { patient, queriesPerName } from './cluster.ts';
import type { Settings } from './cluster.ts';
import { Network } from './network.ts';
import { PlacedReplica } from './placed-replica.ts';
import { Totals } from './totals.ts';

/** Halves look for each other every ten seconds, and may miss each other at the first look. */
const mergeMs = 60_000;
const tickMs = 50;

let network: Network;
let upstream: ScriptedUpstream;
/** Two on this side; the third is in a network of its own, with a replica. */
let members: TestMember[];
let here: PlacedReplica;
let there: PlacedReplica;
let late: PlacedReplica | undefined;
let addresses: string;
let address = '192.0.2.1';

beforeAll(async () => {
  network = await Network.create(['clients', 'grid']);
  upstream = await ScriptedUpstream.start({
    host: network.hostAddress('clients'),
    script: ({ name }) => ({ answers: [addressRecord(name, address)] }),
  });
  members = await startMembers();
  const [near, far] = [network.hostAddress('grid'), network.insideAddress('grid')];
  const hosts = [near, near, far];
  addresses = members
    .map((member, index) => `${hosts[index] ?? ''}:${member.address.split(':')[1] ?? ''}`)
    .join(',');
  here = new PlacedReplica({ host: network.hostAddress('clients'), settings: settingsOf('here') });
  there = new PlacedReplica({
    host: network.insideAddress('clients'),
    place: (program) => network.command(program),
    settings: settingsOf('there'),
  });
  await Promise.all([here.connected(), there.connected()]);
}, memberStartMs);

afterAll(async () => {
  try {
    await Promise.all([here?.stop(), there?.stop(), late?.stop()]);
    await Promise.all((members ?? []).map((member) => member.kill9()));
    await upstream?.stop();
  } finally {
    await network?.remove();
  }
}, memberStartMs);

async function startMembers(): Promise<TestMember[]> {
  const ports = await freePorts(3);
  const [near, far] = [network.hostAddress('grid'), network.insideAddress('grid')];
  const hosts = [near, near, far];
  const list = ports.map((port, index) => `${hosts[index] ?? ''}:${String(port)}`);
  const started = await Promise.all(
    ports.map((memberPort, index) =>
      startMember({
        memberPort,
        members: list,
        set: { address: hosts[index] ?? '' },
        ...(index === 2 ? { place: (program) => network.command(program) } : {}),
      }),
    ),
  );
  await clusterOf(3, started);
  return started;
}

/** Waits until the members on this side are so many with those that they know of. */
async function clusterOf(size: number, of: readonly TestMember[]): Promise<void> {
  const endMs = performance.now() + mergeMs;
  for (;;) {
    const health = await of[0]?.health().catch(() => undefined);
    if (health?.clusterSize === size && health.clusterSafe) return;
    if (performance.now() > endMs) throw new Error(`no cluster of ${String(size)}`);
    await pause(100);
  }
}

function settingsOf(id: string): Settings {
  return {
    ...patient,
    'upstream.servers': upstream.text,
    'grid.members': addresses,
    'grid.replicaId': id,
    'grid.clusterMetrics.intervalMs': '1000',
    'grid.sharedCache.shareDeadlineMs': '5000',
    'cache.prefetch.enabled': 'false',
  };
}

/** New names and old ones at both replicas, until it is stopped. */
class Load {
  readonly #asked: Promise<Asked>[] = [];
  readonly #run: Promise<void>;
  #isOver = false;

  constructor() {
    this.#run = this.#go();
  }

  async stop(): Promise<Asked[]> {
    this.#isOver = true;
    await this.#run;
    return Promise.all(this.#asked);
  }

  async #go(): Promise<void> {
    for (let tick = 0; !this.#isOver; tick++) {
      for (const { client } of [here, there]) {
        this.#asked.push(client.ask(`shared${String(tick)}.load.example`));
        this.#asked.push(client.ask(`hot${String(tick % 10)}.load.example`));
      }
      await pause(tickMs);
    }
  }
}

/** Fetched by this replica as the upstream answers now, and in its part of the grid afterwards. */
async function fetchBy({ client }: PlacedReplica, name: string): Promise<void> {
  await client.read(name);
  await pause(1500); // times of updates are whole seconds
}

test('a grid split and merged: nothing fails, entries by their latest update, totals to the last query', async () => {
  const totals = new Totals({ replicas: [here, there] });
  await totals.expectRight();
  const load = new Load();
  await network.cut('grid');
  await clusterOf(2, members);
  await knowsMembers(here, 2);
  await knowsMembers(there, 1);
  address = '192.0.2.11';
  await fetchBy(here, 'here-first.example');
  await fetchBy(there, 'there-first.example');
  address = '192.0.2.22';
  await fetchBy(there, 'here-first.example');
  await fetchBy(here, 'there-first.example');
  await fetchBy(here, 'only-here.example');
  await fetchBy(there, 'only-there.example');
  await network.heal('grid');
  await clusterOf(3, members);
  for (const replica of [here, there]) await knowsMembers(replica, 3);
  const asked = await load.stop();
  expect(asked.length).toBeGreaterThan(100);
  expect(tally(asked)).toEqual({ '0/1': asked.length });
  await totals.expectRight();

  late = await lateReplica();
  upstream.queries.length = 0;
  for (const name of ['here-first', 'there-first', 'only-here', 'only-there']) {
    const { answers } = await late.client.read(`${name}.example`);
    expect([name, answers.join()]).toEqual([name, expect.stringContaining('192.0.2.22')]);
  }
  expect(queriesPerName([upstream])).toEqual(new Map());
}, 150_000);

/** Waits until the part of the grid that a replica is in has so many members, as that part sees it. */
async function knowsMembers(replica: PlacedReplica, count: number): Promise<void> {
  await waitFor('members to be put out or found', async () => {
    return (await replica.metric('heimdall_grid_members')) === count;
  });
}

/** One that has nothing of its own: what it answers without upstream is in the grid. */
async function lateReplica(): Promise<PlacedReplica> {
  const replica = new PlacedReplica({
    host: network.hostAddress('clients'),
    ports: { dns: 5301, http: 8081 },
    settings: { ...settingsOf('late'), 'grid.warmStart.enabled': 'false' },
  });
  await replica.connected();
  return replica;
}

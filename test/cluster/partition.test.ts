import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { tally } from './asker.ts';
import type { Asked } from './asker.ts';
import { patient, queriesPerName } from './cluster.ts';
import type { Settings } from './cluster.ts';
import { quantileMs } from './load.ts';
import { Network } from './network.ts';
import { PlacedReplica } from './placed-replica.ts';

const deadlineMs = 100;
const slackMs = 1000;
const usedAgainMs = 5000;
/** The pauses between attempts to connect have grown to their longest by then. */
const outageMs = 8000;

let network: Network;
let upstream: ScriptedUpstream;
let member: TestMember;
/** One is cut off, the other one stays connected. */
let inside: PlacedReplica;
let outside: PlacedReplica;

function settingsOf(id: string): Settings {
  return {
    ...patient,
    'upstream.servers': upstream.text,
    'grid.members': memberAddress(),
    'grid.replicaId': id,
    'grid.sharedCache.lookDeadlineMs': String(deadlineMs),
    'grid.deduplication.deadlineMs': String(deadlineMs),
  };
}

function memberAddress(): string {
  return `${network.hostAddress('grid')}:${member.address.split(':')[1] ?? ''}`;
}

beforeAll(async () => {
  network = await Network.create(['clients', 'grid']);
  upstream = await ScriptedUpstream.start({ host: network.hostAddress('clients') });
  member = await startMember({ set: { address: network.hostAddress('grid') } });
  inside = new PlacedReplica({
    host: network.insideAddress('clients'),
    place: (program) => network.command(program),
    settings: settingsOf('inside'),
  });
  const host = network.hostAddress('clients');
  outside = new PlacedReplica({ host, settings: settingsOf('outside') });
  await Promise.all([inside.connected(), outside.connected()]);
}, memberStartMs);

afterAll(async () => {
  try {
    await Promise.all([inside?.stop(), outside?.stop()]);
    await member?.kill9();
    await upstream?.stop();
  } finally {
    await network?.remove();
  }
}, memberStartMs);

function expectAnswered(asked: readonly Asked[], latencyMaxMs: number): void {
  expect(asked.length).toBeGreaterThan(0);
  expect(tally(asked)).toEqual({ '0/1': asked.length });
  expect(quantileMs(asked, 1)).toBeLessThan(latencyMaxMs);
}

/** New names, one after the other, until `isOver`. */
async function askNew(zone: string, isOver: (asked: number) => boolean): Promise<Asked[]> {
  const asked: Asked[] = [];
  while (!isOver(asked.length)) {
    asked.push(await inside.client.ask(`n${String(asked.length)}.${zone}`));
    await pause(10);
  }
  return asked;
}

/** Whether the one that was cut off serves what the other one fetched. */
async function isShared(name: string): Promise<boolean> {
  await outside.client.read(name);
  await inside.client.read(name);
  return queriesPerName([upstream]).get(name) === 1;
}

test('a replica cut off from the grid answers by itself in time, and shares again within 5 s', async () => {
  await waitFor('an answer to be shared', () => isShared(`a${String(performance.now())}.example`));
  const hot = await inside.client.ask('hot.example');
  expectAnswered([hot], slackMs);

  await network.cut('grid');
  const endMs = performance.now() + outageMs;
  const first = await askNew('first.example', (count) => count === 20);
  expectAnswered(first, 2 * deadlineMs + slackMs);
  await waitFor('the connection to be given up', async () => {
    expectAnswered([await inside.client.ask('hot.example')], slackMs);
    return (await inside.metric('heimdall_grid_connected')) === 0;
  });
  const alone = await askNew('alone.example', () => performance.now() > endMs);
  expectAnswered(alone, slackMs);
  expect(quantileMs(alone, 0.5)).toBeLessThan(deadlineMs);
  expect(await outside.metric('heimdall_grid_connected')).toBe(1);
  await outside.client.read('meanwhile.example');

  await network.heal('grid');
  const healedMs = performance.now();
  await waitFor('answers to be shared again', () =>
    isShared(`b${String(performance.now())}.example`),
  );
  expect(performance.now() - healedMs).toBeLessThan(usedAgainMs);
  // What was shared meanwhile is found, too.
  await inside.client.read('meanwhile.example');
  expect(queriesPerName([upstream]).get('meanwhile.example')).toBe(1);
}, 60_000);

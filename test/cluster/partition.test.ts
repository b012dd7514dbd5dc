import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { TestProcess } from '../support/processes.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { Asker, tally } from './asker.ts';
import type { Asked } from './asker.ts';
import { patient, queriesPerName } from './cluster.ts';
import { quantileMs } from './load.ts';
import { Network } from './network.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** Nobody else has ports there. */
const [dnsPort, httpPort] = [5300, 8080];
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

/** A replica at a given address, wherever that is. */
class PlacedReplica {
  readonly client: Asker;
  readonly #process: TestProcess;
  readonly #host: string;

  constructor(host: string, place: (program: readonly string[]) => readonly string[], id: string) {
    this.#host = host;
    const settings = {
      ...patient,
      'upstream.servers': upstream.text,
      'upstream.loopDetection': 'false',
      'shutdown.graceMs': '100',
      'grid.members': memberAddress(),
      'grid.replicaId': id,
      'grid.sharedCache.lookDeadlineMs': String(deadlineMs),
      'grid.deduplication.deadlineMs': String(deadlineMs),
    };
    const [command = '', ...argv] = place([
      ...[process.execPath, main, 'serve'],
      ...['--listen', `${host}:${String(dnsPort)}`, '--http', `${host}:${String(httpPort)}`],
      ...Object.entries(settings).flatMap(([path, value]) => ['--set', `${path}=${value}`]),
    ]);
    this.#process = new TestProcess(command, argv, {});
    this.client = new Asker({ host, port: dnsPort });
  }

  /** The value of a series; undefined while there is none. */
  async metric(series: string): Promise<number | undefined> {
    if (this.#process.hasEnded) throw new Error(`it ended: ${this.#process.stderr}`);
    const url = `http://${this.#host}:${String(httpPort)}/metrics`;
    const response = await fetch(url).catch(() => undefined);
    const lines = (await response?.text())?.split('\n') ?? [];
    const line = lines.find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }

  async connected(): Promise<void> {
    await waitFor('a replica to be connected to the grid', async () => {
      const skew = await this.metric('heimdall_grid_clock_skew_seconds');
      return skew !== undefined && (await this.metric('heimdall_grid_connected')) === 1;
    });
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.#process.kill();
  }
}

function memberAddress(): string {
  return `${network.hostAddress('grid')}:${member.address.split(':')[1] ?? ''}`;
}

beforeAll(async () => {
  network = await Network.create(['clients', 'grid']);
  upstream = await ScriptedUpstream.start({ host: network.hostAddress('clients') });
  member = await startMember({ set: { address: network.hostAddress('grid') } });
  const here = (program: readonly string[]) => program;
  inside = new PlacedReplica(
    network.insideAddress('clients'),
    (program) => network.command(program),
    'inside',
  );
  outside = new PlacedReplica(network.hostAddress('clients'), here, 'outside');
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

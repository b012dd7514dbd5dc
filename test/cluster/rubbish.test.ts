import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'hazelcast-client';
import type { IMap } from 'hazelcast-client';
import { encodeEntry } from '../../src/grid/entry-codec.ts';
import { Seal } from '../../src/grid/seal.ts';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { wireName } from '../support/messages.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { Cluster, patient } from './cluster.ts';

const secret = 'a secret of the replicas';
const keys = [{ id: 1, secret: Buffer.from(secret) }];

let upstream: ScriptedUpstream;
let member: TestMember;
let cluster: Cluster;
let stranger: Client;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  member = await startMember();
  const entryKeys = JSON.stringify([{ id: 1, secret }]);
  const set = { ...patient, 'grid.entryKeys': entryKeys };
  cluster = await Cluster.start({ replicas: 1, upstreams: [upstream], member, set });
  stranger = await Client.newHazelcastClient({
    clusterName: member.clusterName,
    network: { clusterMembers: [member.address] },
    properties: { 'hazelcast.logging.level': 'OFF' },
  });
}, memberStartMs);

afterAll(async () => {
  await stranger?.shutdown();
  await cluster?.stop();
  await member?.kill9();
  await upstream?.stop();
});

function mapOf(name: string): Promise<IMap<unknown, unknown>> {
  return stranger.getMap(`${cluster.prefix}.${name}`);
}

function dropped(reason: string): Promise<number> {
  return cluster.sum(`heimdall_grid_entries_dropped_total{reason="${reason}"}`);
}

/** A forged answer, `192.0.2.66`, sealed for a name. */
function forged(name: string, seal: Seal, place = `${cluster.prefix}.cache/${name}./A/IN`): Buffer {
  const wire = Buffer.concat([
    Buffer.from('000080000001000100000000', 'hex'),
    wireName(name),
    Buffer.from('00010001c00c000100010000012c0004c0000242', 'hex'),
  ]);
  const answer = {
    kind: 'positive' as const,
    wire,
    ttlSeconds: 300,
    authenticData: false,
    extendedErrors: [],
  };
  return encodeEntry(place, { answer, ttlsRightAtGridMs: Date.now() }, seal);
}

/** The same from a version that this one cannot know. */
function ofTheFuture(name: string): Buffer {
  const place = `${cluster.prefix}.cache/${name}./A/IN`;
  const payload = new Seal(keys).open(place, forged(name, new Seal(keys)));
  if (typeof payload === 'string') throw new Error(payload);
  const changed = Buffer.from(payload);
  changed[0] = 99;
  return new Seal(keys).seal(place, changed);
}

const otherKey = [{ id: 1, secret: Buffer.from('the secret of a stranger') }];
const unknownKey = [{ id: 2, secret: Buffer.from('the secret of a stranger') }];

test('what has the right seal is served: the forgeries below fail for their seals alone', async () => {
  await (
    await mapOf('cache')
  ).set('sealed.example./A/IN', forged('sealed.example', new Seal(keys)));
  const answer = await cluster.client(0).read('sealed.example');
  expect(answer.answers[0]).toContain('192.0.2.66');
});

test.each<[what: string, reason: string, make: (name: string) => unknown]>([
  ['text', 'malformed', () => 'rubbish'],
  ['a number', 'malformed', () => 42],
  ['an object', 'malformed', () => ({ rubbish: [1, 2, 3] })],
  ['nothing at all', 'malformed', () => Buffer.alloc(0)],
  ['random bytes', 'unknown_key', () => Buffer.alloc(500, 0xa7)],
  ['64 KiB', 'unauthenticated', () => Buffer.alloc(65_536, 1)],
  ['a wrong key', 'unauthenticated', (name) => forged(name, new Seal(otherKey))],
  ['an unknown key', 'unknown_key', (name) => forged(name, new Seal(unknownKey))],
  ['no key', 'unknown_key', (name) => forged(name, new Seal([]))],
  [
    'the entry of another name',
    'unauthenticated',
    (name) => forged(name, new Seal(keys), `${cluster.prefix}.cache/other.example./A/IN`),
  ],
  ['a future version', 'version', ofTheFuture],
])('%s under our names is dropped as %s, and the answer comes from upstream', async (...row) => {
  const [what, reason, make] = row;
  const name = `${what.replaceAll(' ', '-').toLowerCase()}.example`;
  await (await mapOf('cache')).set(`${name}./A/IN`, make(name));
  const droppedBefore = await dropped(reason);
  const answer = await cluster.client(0).read(name);
  expect(answer.code).toBe(0);
  expect(answer.answers[0]).toContain('192.0.2.1');
  expect(await dropped(reason)).toBeGreaterThan(droppedBefore);
});

test.each(['rubbish', Buffer.from('!5'), Buffer.alloc(0), 7])(
  'a lease that says %p neither delays a name nor takes it away',
  async (mark) => {
    const name = `lease-${typeof mark}-${String(mark.toString().length)}.example`;
    await (await mapOf('leases')).set(`${name}./A/IN`, mark);
    const { wire, latencyMs } = await cluster.client(0).ask(name);
    expect(wire === undefined ? 'silence' : wire.readUInt8(3) & 0x0f).toBe(0);
    expect(latencyMs).toBeLessThan(1000); // a lease that is believed delays by 1,300 ms
  },
);

test('rubbish where replicas tell of themselves and of upstreams is counted, and no more', async () => {
  const before = await dropped('malformed');
  for (const map of ['health', 'bulletins', 'replicas', 'clock']) {
    for (const value of ['rubbish', Buffer.from('rubbish'), 7]) {
      await (await mapOf(map)).set(`stranger-${String(value)}`, value);
    }
  }
  expect((await cluster.client(0).read('still.example')).code).toBe(0);
  expect(await dropped('malformed')).toBeGreaterThan(before);
  expect(await cluster.replica(0).metric('heimdall_ready')).toBe(1);
});

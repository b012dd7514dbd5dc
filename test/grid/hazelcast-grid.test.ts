import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { memberArguments } from '../../hazelcast/member-command.ts';
import { memberValues } from '../../hazelcast/member-settings.ts';
import { SystemClock, sleep } from '../../src/base/clock.ts';
import { GridUnusable } from '../../src/base/errors.ts';
import { HazelcastGrid } from '../../src/grid/hazelcast-grid.ts';
import type { HazelcastOptions } from '../../src/grid/hazelcast-options.ts';
import type { GridSession } from '../../src/grid/grid.ts';
import { memberStartMs, startCluster, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

const clock = new SystemClock();
const value = Buffer.from('a value');
const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

interface Connected {
  readonly grid: HazelcastGrid;
  readonly events: string[];
  readonly warnings: string[];
  readonly session: () => Promise<GridSession>;
}

const open: HazelcastGrid[] = [];
const rejections: unknown[] = [];
const noteRejection = (reason: unknown): void => void rejections.push(reason);

async function connectTo(
  members: readonly string[],
  over: Partial<HazelcastOptions> = {},
): Promise<Connected> {
  const options = { clusterName: 'heimdall', members, connectTimeoutMs: 1000, smartRouting: true };
  const warnings: string[] = [];
  const log = { ...silent, warn: (message: string) => void warnings.push(message) };
  const grid = new HazelcastGrid({ ...options, ...over }, { clock, log });
  open.push(grid);
  const events: string[] = [];
  let current: GridSession | undefined;
  await grid.start({
    connected: (session) => {
      current = session;
      events.push('connected');
    },
    lost: () => events.push('lost'),
  });
  const session = async (): Promise<GridSession> => {
    await waitFor('a connection', () => events.at(-1) === 'connected');
    if (current === undefined) throw new Error('connected without a session');
    return current;
  };
  return { grid, events, warnings, session };
}

beforeAll(() => void process.on('unhandledRejection', noteRejection));
afterAll(() => void process.off('unhandledRejection', noteRejection));
afterEach(async () => {
  await Promise.all(open.splice(0).map((grid) => grid.stop()));
  expect(rejections.splice(0)).toEqual([]);
});

/** How long a promise took in milliseconds, and how it ended. */
async function timed(promise: Promise<unknown>): Promise<{ ms: number; ended: 'ok' | 'failed' }> {
  const startMs = clock.nowMs();
  const ended = await promise.then(
    () => 'ok' as const,
    () => 'failed' as const,
  );
  return { ms: clock.nowMs() - startMs, ended };
}

describe('a grid that is not there', () => {
  test('lets the start return at once and the end as well, without a call that hangs', async () => {
    const startedMs = clock.nowMs();
    const { grid, events } = await connectTo(['127.0.0.1:1']);
    expect(clock.nowMs() - startedMs).toBeLessThan(500);
    await sleep(clock, 300);
    const { ms } = await timed(grid.stop());
    expect(ms).toBeLessThan(500);
    expect(events).toEqual([]);
  });

  test('is told from options that no grid can have', async () => {
    const members = [7 as unknown as string];
    await expect(connectTo(members)).rejects.toThrow(GridUnusable);
  });
});

/** A member in the place of another one, of a cluster that has fewer partitions. */
async function startStrangeMember(member: TestMember): Promise<ChildProcess> {
  const { address, memberAddress, restUrl } = member;
  const portOf = (text: string): string => text.split(':').at(-1) ?? '';
  const ports = {
    port: portOf(address),
    'member-port': portOf(memberAddress),
    'rest-port': portOf(restUrl),
  };
  const values = memberValues({ ...ports, members: memberAddress });
  const javaArguments = ['-Dhazelcast.partition.count=31', ...memberArguments(values)];
  const child = spawn('java', javaArguments, { stdio: 'ignore' });
  await once(child, 'spawn');
  return child;
}

describe('one member', () => {
  let member: TestMember;
  beforeAll(async () => {
    member = await startMember();
  }, memberStartMs);
  afterAll(() => member.kill9(), memberStartMs);

  test('holds what is put into a map, by key and as a whole', async () => {
    const session = await (await connectTo([member.address])).session();
    const map = await session.map('one.cache');
    await map.set('key', value, 60_000);
    expect(await map.get('key')).toEqual(value);
    expect(await map.get('nothing')).toBeUndefined();
    expect(await map.putIfAbsent('key', Buffer.from('other'), 60_000)).toEqual(value);
    expect(await map.putIfAbsent('second', value, 60_000)).toBeUndefined();
    expect((await map.keys()).sort()).toEqual(['key', 'second']);
    expect(await map.replaceIfSame('key', Buffer.from('wrong'), value)).toBe(false);
    expect(await map.replaceIfSame('key', value, Buffer.from('new'))).toBe(true);
    expect(Object.fromEntries(await map.entries())).toEqual({
      key: Buffer.from('new'),
      second: value,
    });
    expect(await map.removeIfSame('second', Buffer.from('wrong'))).toBe(false);
    expect(await map.removeIfSame('second', value)).toBe(true);
    await map.remove('key');
    expect(await map.keys()).toEqual([]);
    await map.set('key', value, 60_000);
    await map.clear();
    expect(await map.get('key')).toBeUndefined();
  });

  test('gives an entry another lifetime, where a replaced one has that of its map', async () => {
    const session = await (await connectTo([member.address])).session();
    const map = await session.map('lifetime.leases');
    await map.putIfAbsent('key', value, 2000);
    expect(await map.replaceIfSame('key', value, Buffer.from('new'))).toBe(true);
    await map.keepFor('key', 2000);
    await map.keepFor('nothing', 2000);
    await waitFor('it to end', async () => (await map.get('key')) === undefined);
    expect(await map.keys()).toEqual([]);
  });

  test('gives bytes that keep nothing else in memory', async () => {
    const session = await (await connectTo([member.address])).session();
    const map = await session.map('copies.cache');
    const keys = Array.from({ length: 100 }, (_, index) => `key-${String(index)}`);
    await Promise.all(keys.map((key) => map.set(key, value, 60_000)));
    const found = await Promise.all(keys.map((key) => map.get(key)));
    expect(found.map((bytes) => bytes?.buffer.byteLength)).toEqual(keys.map(() => value.length));
  });

  test('tells when an entry was written, by its own clock', async () => {
    const session = await (await connectTo([member.address])).session();
    const map = await session.map('heimdall.clock');
    await map.set('me', value, 60_000);
    const writtenMs = (await map.writtenAtMs('me')) ?? 0;
    expect(Math.abs(clock.wallMs() - writtenMs)).toBeLessThan(3000);
    expect(await map.writtenAtMs('nobody')).toBeUndefined();
  });

  test('shows what others put there that are no bytes as an entry that is empty', async () => {
    const session = await (await connectTo([member.address])).session();
    const { Client } = await import('hazelcast-client');
    const other = await Client.newHazelcastClient({
      clusterName: 'heimdall',
      network: { clusterMembers: [member.address] },
      customLogger: { ...silent, log: () => undefined, trace: () => undefined },
    });
    const foreign = await other.getMap<unknown, unknown>('foreign.cache');
    await foreign.set('text', 'text');
    await foreign.set('json', { a: 1 });
    await foreign.set(7, 'a key that is no text');
    await other.shutdown();
    const map = await session.map('foreign.cache');
    expect(await map.get('text')).toEqual(Buffer.alloc(0));
    expect((await map.keys()).sort()).toEqual(['json', 'text']);
    expect((await map.entries()).map(([, bytes]) => bytes.length)).toEqual([0, 0]);
  });

  test('counts by counters that can be corrected and destroyed, and has no locks', async () => {
    const session = await (await connectTo([member.address])).session();
    const counter = await session.counter('one.metric.writer.series{"a":"b"}');
    expect(await counter.add(7)).toBe(7);
    expect(await counter.add(-2)).toBe(5);
    expect(await counter.get()).toBe(5);
    await counter.destroy();
    expect(await (await session.counter('one.metric.writer.series{"a":"b"}')).get()).toBe(0);
    await expect(session.lock('lock')).rejects.toThrow('Enterprise');
  });

  test('tells listeners of what is written and removed', async () => {
    const session = await (await connectTo([member.address])).session();
    const heard: string[] = [];
    const map = await session.map('heard.bulletins');
    await map.listen(true, {
      written: (key, bytes) => heard.push(`${key}=${String(bytes)}`),
      removed: (key) => heard.push(`${key} removed`),
    });
    await map.set('one', value, 60_000);
    await map.set('one', Buffer.from('again'), 60_000);
    await map.remove('one');
    await waitFor('events', () => heard.length === 3);
    expect(heard).toEqual(['one=a value', 'one=again', 'one removed']);
  });

  test('is found again where a connection breaks at the very request for its members', async () => {
    const script = fileURLToPath(new URL('failing-write.ts', import.meta.url));
    const child = new TestProcess(process.execPath, [script, member.address], {});
    try {
      expect(await child.finished()).toMatchObject({ code: 0, stdout: 'connected\n' });
    } finally {
      await child.kill();
    }
  });

  test('frozen, fails calls after its heartbeat, is lost, found again, and holds up no end', async () => {
    const { grid, events, session } = await connectTo([member.address]);
    const map = await (await session()).map('frozen.cache');
    member.freeze();
    try {
      const { ms, ended } = await timed(map.set('key', value, 60_000));
      expect(ended).toBe('failed');
      expect(ms).toBeLessThan(4000);
      await waitFor('the loss', () => events.includes('lost'));
      expect(await timed(map.get('key'))).toMatchObject({ ended: 'failed' });
      expect((await timed(map.get('key'))).ms).toBeLessThan(100);
      member.thaw();
      await session();
      member.freeze();
      expect((await timed(grid.stop())).ms).toBeLessThan(2500);
    } finally {
      member.thaw();
    }
  });

  test('killed and started again is used again by the same session, which still listens', async () => {
    const { events, session } = await connectTo([member.address]);
    const first = await session();
    const heard: string[] = [];
    const map = await first.map('again.bulletins');
    await map.listen(false, {
      written: (key, bytes) => heard.push(`${key} ${String(bytes)}`),
      removed: () => undefined,
    });
    const counter = await first.counter('again.metric');
    await counter.add(3);
    await map.set('one', value, 60_000);
    await waitFor('the first event', () => heard.length === 1);
    await member.kill9();
    await waitFor('the loss', () => events.includes('lost'));
    await member.restart();
    expect(await session()).toBe(first);
    const isListening = async (): Promise<boolean> => {
      await map.set('two', value, 60_000).catch(() => undefined);
      return heard.includes('two undefined');
    };
    await waitFor('an event', isListening);
    expect(events).toEqual(['connected', 'lost', 'connected']);
    await expect(counter.get()).rejects.toMatchObject({ code: 'grid_state_lost' });
    await counter.reset();
    expect(await counter.get()).toBe(0);
  }, 60_000);

  test('with another number of partitions makes the client give up: another one follows', async () => {
    const { events, warnings, session } = await connectTo([member.address]);
    const first = await session();
    const heard: string[] = [];
    const map = await first.map('partitions.bulletins');
    await map.listen(true, {
      written: (key) => heard.push(key),
      removed: () => undefined,
    });
    await member.kill9();
    const strange = await startStrangeMember(member);
    try {
      await waitFor('another client', () => events.length === 3);
      expect(warnings).toContain('the grid client gave up; another one follows');
      expect(await session()).toBe(first);
      const isListening = async (): Promise<boolean> => {
        await (await first.map('partitions.bulletins')).set('key', value, 60_000);
        return heard.length > 0;
      };
      await waitFor('an event', isListening);
    } finally {
      if (strange.exitCode === null && strange.kill('SIGKILL')) await once(strange, 'exit');
      await member.restart();
    }
  }, 60_000);
});

describe('three members', () => {
  let members: TestMember[];
  beforeAll(async () => {
    members = await startCluster(3);
  }, memberStartMs);
  afterAll(() => Promise.all(members.map((member) => member.kill9())), memberStartMs);

  test('are all connected to, so that a frozen one holds up its own keys alone', async () => {
    const first = members[0] as TestMember;
    const session = await (await connectTo([first.address])).session();
    const map = await session.map('three.cache');
    const keys = Array.from({ length: 60 }, (_, index) => `key-${String(index)}`);
    await Promise.all(keys.map((key) => map.set(key, value, 60_000)));
    const known = session.members();
    expect(known.map(({ address }) => address).sort()).toEqual(
      members.map(({ address }) => address).sort(),
    );
    expect(known.map(({ version }) => version)).toEqual(['5.7.0', '5.7.0', '5.7.0']);
    const owners = (): Set<string> => new Set(keys.map((key) => session.memberOf(key)));
    await waitFor('the owners of all partitions', () => !owners().has('unknown'));
    expect(owners()).toEqual(new Set(known.map(({ id }) => id)));
    await sleep(clock, 1500); // connections to the other two
    const frozenId = known.find(({ address }) => address === first.address)?.id;
    first.freeze();
    try {
      const others = keys.filter((key) => session.memberOf(key) !== frozenId);
      const { ms, ended } = await timed(Promise.all(others.map((key) => map.get(key))));
      expect(ended).toBe('ok');
      expect(ms).toBeLessThan(500);
      const own = keys.find((key) => session.memberOf(key) === frozenId) ?? '';
      const outcome = await Promise.race([
        map.get(own).then(() => 'answered'),
        sleep(clock, 500).then(() => 'hanging'),
      ]);
      expect(outcome).toBe('hanging');
    } finally {
      first.thaw();
    }
  }, 60_000);

  test('are reached through one, where smart routing is off', async () => {
    const addresses = members.map(({ address }) => address);
    const session = await (await connectTo(addresses, { smartRouting: false })).session();
    const map = await session.map('single.cache');
    for (const key of ['a', 'b', 'c', 'd', 'e']) await map.set(key, value, 60_000);
    expect(await map.keys()).toHaveLength(5);
  });
});

describe('a member that has the CP Subsystem', () => {
  let member: TestMember;
  beforeAll(async () => {
    member = await startMember({ version: '5.4.0' });
  }, memberStartMs);
  afterAll(() => member.kill9(), memberStartMs);

  test('has locks: one holder at a time, given back by its fence', async () => {
    const one = await (await connectTo([member.address])).session();
    const other = await (await connectTo([member.address])).session();
    const mine = await one.lock('heimdall.lock.1');
    const theirs = await other.lock('heimdall.lock.1');
    const fence = await mine.tryLock(0);
    expect(fence).toBeDefined();
    expect(await theirs.tryLock(0)).toBeUndefined();
    await mine.unlock(fence ?? 0n);
    expect(await theirs.tryLock(100)).toBeGreaterThan(fence ?? 0n);
  }, 30_000);
});

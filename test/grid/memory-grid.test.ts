import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import type { GridSession } from '../../src/grid/grid.ts';
import { MemoryGrid } from '../support/memory-grid.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** The grid in memory must go wrong as the real one was seen to, or tests on it prove nothing. */

async function connect(
  options: Partial<ConstructorParameters<typeof MemoryGrid>[0]> = {},
): Promise<{ clock: VirtualClock; grid: MemoryGrid; session: GridSession; events: string[] }> {
  const clock = new VirtualClock();
  const grid = new MemoryGrid({ clock, random: new SeededRandom(3), ...options });
  const events: string[] = [];
  let session: GridSession | undefined;
  await grid.gridOf('a').start({
    connected: (now) => {
      events.push('connected');
      session = now;
    },
    lost: () => events.push('lost'),
  });
  await clock.advance(10);
  if (session === undefined) throw new Error('not connected');
  return { clock, grid, session, events };
}

/** The outcome of a call after so long: its value, `failed`, or `hanging`. */
async function after<T>(clock: VirtualClock, ms: number, call: Promise<T>): Promise<unknown> {
  let outcome: unknown = 'hanging';
  call.then(
    (value) => (outcome = value),
    () => (outcome = 'failed'),
  );
  await clock.advance(ms);
  return outcome;
}

const value = Buffer.from('value');

describe('the grid in memory', () => {
  test('cuts TTLs to whole seconds, so that entries die early; 0 is for ever', async () => {
    const { clock, session } = await connect();
    const map = await session.map('m');
    await after(clock, 700, map.set('x', value, 1000));
    await after(clock, 1, map.set('y', value, 1000));
    await after(clock, 1, map.set('z', value, 0));
    await clock.advance(400);
    expect(await after(clock, 2, map.get('x'))).toBeUndefined();
    expect(await after(clock, 2, map.get('y'))).toBeUndefined();
    await clock.advance(1e9);
    expect(await after(clock, 2, map.get('z'))).toEqual(value);
  });

  test('loses additions with a member that was killed before it passed them on', async () => {
    const { clock, grid, session } = await connect();
    const counter = await session.counter('c');
    for (let count = 0; count < 10; count++) await after(clock, 2, counter.add(1));
    for (const index of [0, 1]) grid.killMember(index);
    await after(clock, 5, counter.reset());
    const first = await after(clock, 5, counter.get());
    grid.killMember(2);
    expect([0, 10]).toContain(first);
    expect(await after(clock, 5, counter.get())).toBe('failed');
  });

  test('counts twice when a frozen member does late what another one has done', async () => {
    const { clock, grid, session } = await connect();
    const counter = await session.counter('c');
    await after(clock, 1500, counter.add(1));
    for (const index of [0, 1, 2]) {
      grid.freezeMember(index);
      await after(clock, 2500, counter.add(1));
      grid.thawMember(index);
      await clock.advance(1500);
    }
    await counter.reset();
    expect(await after(clock, 5, counter.get())).toBeGreaterThan(1 + 3);
  });

  test('refuses counters after all was lost until they are reset', async () => {
    const { clock, grid, session, events } = await connect();
    const counter = await session.counter('c');
    await after(clock, 5, counter.add(7));
    grid.loseEverything();
    await clock.advance(600);
    expect(events).toEqual(['connected', 'lost', 'connected']);
    expect(await after(clock, 5, counter.get())).toBe('failed');
    await counter.reset();
    expect(await after(clock, 5, counter.get())).toBe(0);
  });

  test('keeps the keys of a lost member where there are backups, and loses them without', async () => {
    for (const backups of [true, false]) {
      const { clock, grid, session } = await connect({ backups });
      const map = await session.map('m');
      const keys = Array.from({ length: 60 }, (_, index) => `key-${String(index)}`);
      for (const key of keys) await after(clock, 2, map.set(key, value, 0));
      grid.killMember(1);
      const left = (await after(clock, 2, map.keys())) as string[];
      if (backups) expect(left).toHaveLength(60);
      else expect(left.length).toBeLessThan(55);
    }
  });

  test('holds calls to a frozen member up for two seconds, and those to others not at all', async () => {
    const { clock, grid, session } = await connect();
    const map = await session.map('m');
    const frozen = session.memberOf('key');
    const other = ['p', 'q', 'r', 's', 't'].find((key) => session.memberOf(key) !== frozen) ?? '';
    grid.freezeMember(Number(frozen.slice(-1)));
    expect(await after(clock, 1900, map.get('key'))).toBe('hanging');
    expect(await after(clock, 2, map.get(other))).toBeUndefined();
    expect(await after(clock, 2100, map.get('key'))).toBe('failed');
  });

  test('is lost for a replica that is cut off, and found again', async () => {
    const { clock, grid, session, events } = await connect();
    const map = await session.map('m');
    grid.cutOff('a');
    expect(await after(clock, 1900, map.get('key'))).toBe('hanging');
    await clock.advance(200);
    expect(events).toEqual(['connected', 'lost']);
    expect(await after(clock, 1, map.get('key'))).toBe('failed');
    grid.heal('a');
    await clock.advance(600);
    expect(events).toEqual(['connected', 'lost', 'connected']);
  });

  test('tells listeners of all replicas, also after everything was lost', async () => {
    const { clock, grid, session } = await connect();
    const heard: string[] = [];
    const map = await session.map('m');
    await after(
      clock,
      5,
      map.listen(true, {
        written: (key, bytes) => heard.push(`${key}=${String(bytes)}`),
        removed: (key) => heard.push(`${key} removed`),
      }),
    );
    await after(clock, 5, map.set('one', value, 0));
    grid.loseEverything();
    await clock.advance(600);
    await after(clock, 5, map.set('two', value, 0));
    await after(clock, 5, map.remove('two'));
    expect(heard).toEqual(['one=value', 'two=value', 'two removed']);
  });

  test('has locks where it is told to, one holder at a time', async () => {
    const { clock, session } = await connect({ locks: true });
    const lock = await session.lock('l');
    const fence = (await after(clock, 5, lock.tryLock(0))) as bigint;
    expect(await after(clock, 5, lock.tryLock(0))).toBeUndefined();
    await after(clock, 5, lock.unlock(fence));
    expect(await after(clock, 5, lock.tryLock(0))).toBeGreaterThan(fence);
    await expect((await connect()).session.lock('l')).rejects.toThrow('Enterprise');
  });
});

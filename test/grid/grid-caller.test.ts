import { describe, expect, test } from '@jest/globals';
import { GridCaller } from '../../src/grid/grid-caller.ts';
import type { CallResult, GridObserver } from '../../src/grid/grid-caller.ts';
import type { GridSession } from '../../src/grid/grid.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A session whose keys belong to the member named by their first letter. */
const session = {
  memberOf: (key: string) => key.charAt(0),
  members: () => [],
} as unknown as GridSession; // calls get what they run with, and use nothing of it here

/** Never answers, as a frozen member. */
const frozen = (): Promise<number> => new Promise(() => undefined);
const answers = (): Promise<number> => Promise.resolve(7);

function newWorld() {
  const clock = new VirtualClock();
  const ended: string[] = [];
  const breakers: string[] = [];
  const world = { probe: frozen };
  const observer: GridObserver = {
    operationEnded: (operation, outcome, seconds) =>
      ended.push(`${operation} ${outcome} ${String(seconds)}`),
    breakerChanged: (member, isOpen) => breakers.push(`${member} ${isOpen ? 'open' : 'closed'}`),
  };
  const caller = new GridCaller(clock, observer, () => world.probe());
  caller.use(session);
  const call = (key: string, run: () => Promise<number>): Promise<CallResult<number>> =>
    caller.call({ operation: 'look', key, deadlineMs: 15, run });
  return { clock, ended, breakers, caller, call, world };
}

describe('calls to the grid', () => {
  test('bring what was asked for', async () => {
    const { call, ended } = newWorld();
    expect(await call('a', answers)).toEqual({ outcome: 'ok', value: 7 });
    expect(ended).toEqual(['look ok 0']);
  });

  test('end at their deadline, and stay under way until they really end', async () => {
    const { clock, call, caller, ended } = newWorld();
    const late = call('a', frozen);
    await clock.advance(15);
    expect(await late).toEqual({ outcome: 'late' });
    expect(ended).toEqual(['look late 0.015']);
    expect(caller.callsUnderWay).toBe(1);
  });

  test('turn rejections and what throws at once into outcomes', async () => {
    const { call } = newWorld();
    expect(await call('a', () => Promise.reject(new Error('no')))).toEqual({ outcome: 'failed' });
    const thrower = (): Promise<number> => {
      throw new Error('at once');
    };
    expect(await call('a', thrower)).toEqual({ outcome: 'failed' });
  });

  test('are not made without a session', async () => {
    const { call, caller } = newWorld();
    caller.use(undefined);
    expect(await call('a', answers)).toEqual({ outcome: 'offline' });
  });

  test('are bounded in number while a member hangs', async () => {
    const { clock, caller } = newWorld();
    const run = frozen;
    for (let i = 0; i < 2000; i++) {
      void caller.call({ operation: 'look', deadlineMs: 15, run });
    }
    const refused = await caller.call({ operation: 'look', deadlineMs: 15, run: answers });
    expect(refused).toEqual({ outcome: 'overload' });
    await clock.advance(15);
  });

  test('leave a frozen member out after ten late ones, and leave the others alone', async () => {
    const { clock, call, breakers, caller } = newWorld();
    for (let i = 0; i < 10; i++) {
      const late = call('a', frozen);
      await clock.advance(15);
      await late;
    }
    expect(breakers).toEqual(['a open']);
    expect(await call('a', frozen)).toEqual({ outcome: 'skipped' });
    expect(await call('b', answers)).toEqual({ outcome: 'ok', value: 7 });
    expect(caller.openBreakers).toEqual(['a']);
  });

  test('probe a member that was left out by themselves, and use it again when it answers', async () => {
    const { clock, call, breakers, world, ended } = newWorld();
    for (let i = 0; i < 10; i++) {
      const late = call('a', frozen);
      await clock.advance(15);
      await late;
    }
    await clock.advance(1200);
    expect(ended.filter((line) => line.startsWith('probe'))).toEqual(
      Array(2).fill('probe late 0.05'),
    );
    expect(await call('a', answers)).toEqual({ outcome: 'skipped' });
    world.probe = answers;
    await clock.advance(550);
    expect(breakers).toEqual(['a open', 'a closed']);
    expect(await call('a', answers)).toEqual({ outcome: 'ok', value: 7 });
    expect(clock.timersPending).toBe(0);
  });

  test('stop probing when they are stopped', async () => {
    const { clock, call, caller } = newWorld();
    for (let i = 0; i < 10; i++) {
      const late = call('a', frozen);
      await clock.advance(15);
      await late;
    }
    caller.stop();
    expect(clock.timersPending).toBe(0);
    expect(await call('a', answers)).toEqual({ outcome: 'offline' });
  });

  test('a third of late calls is no reason to leave a member out', async () => {
    const { clock, call, breakers } = newWorld();
    for (let i = 0; i < 60; i++) {
      const result = call('a', i % 3 === 0 ? frozen : answers);
      await clock.advance(15);
      await result;
    }
    expect(breakers).toEqual([]);
  });

  test('a member that was late before an outage and answers now is not left out', async () => {
    const { clock, call, breakers } = newWorld();
    for (let i = 0; i < 9; i++) {
      const late = call('a', frozen);
      await clock.advance(15);
      await late;
    }
    for (let i = 0; i < 3; i++) expect(await call('a', answers)).toMatchObject({ outcome: 'ok' });
    await clock.advance(10_001);
    const late = call('a', frozen);
    await clock.advance(15);
    await late;
    expect(breakers).toEqual([]);
  });
});

import { afterEach, describe, expect, test } from '@jest/globals';
import type { ServerState } from '../../src/upstream/health-board.ts';
import { Leasing, upstream } from './leasing.ts';
import type { LeasingOptions, LeasingReplica } from './leasing.ts';

const place = 'www.example./A/IN';
const name = 'www.example';

let leasing: Leasing;

afterEach(() => leasing.stop());

async function two(options: LeasingOptions = {}, seed = 1) {
  leasing = new Leasing(options, seed);
  const [one, other] = [await leasing.join('r1'), await leasing.join('r2')];
  leasing.calls.length = 0;
  return { one, other, clock: leasing.clock, grid: leasing.grid };
}

/** Calls about leases and answers, without those that go on by themselves. */
function callsOf(replica: string): string[] {
  const restless = ['clock', 'health', 'replicas', 'bulletin', 'probe'];
  return leasing.calls
    .map((call) => call.split(' '))
    .filter(([who, operation = '']) => who === replica && !restless.includes(operation))
    .map(([, operation = '', outcome = '']) => `${operation} ${outcome}`);
}

const strategies = ['lease', 'fenced-lock'] as const;

describe.each(strategies)(
  'an answer that is asked for too seldom to be shared (%s)',
  (strategy) => {
    const options = { strategy, popularityMin: 3 };

    test('is shared all the same when another replica waits for it', async () => {
      const { one, other, clock, grid } = await two(options);
      const first = one.ask(name);
      await clock.advance(20);
      const second = other.ask(name);
      await clock.advance(20);
      one.answer(name, first);
      await clock.advance(50);
      expect(second).toMatchObject({ kind: 'answer' });
      expect(grid.peek('heimdall.cache').size).toBe(1);
    });

    test('is not when nobody does; who comes later asks for itself, and waits for nobody', async () => {
      const { one, other, clock, grid } = await two(options);
      const first = one.ask(name);
      await clock.advance(20);
      one.answer(name, first);
      await clock.advance(20);
      expect(grid.peek('heimdall.cache').size).toBe(0);
      expect(one.coordination.figures.unpopular).toBe(1);
      const second = other.ask(name);
      await clock.advance(20);
      expect(second.kind).toBe('won');
      expect(second.afterMs).toBeLessThan(10);
    });

    test('is shared once it was asked for often enough', async () => {
      const { one, clock, grid } = await two(options);
      for (let times = 0; times < 3; times++) {
        expect(grid.peek('heimdall.cache').size).toBe(0);
        const asked = one.ask(name);
        await clock.advance(20);
        one.answer(name, asked);
        await clock.advance(20);
      }
      expect(grid.peek('heimdall.cache').size).toBe(1);
    });

    test('keeps nobody waiting who begins to wait at the moment in which it comes', async () => {
      for (let seed = 1; seed <= 60; seed++) {
        const { one, other, clock } = await two(options, seed);
        const first = one.ask(name);
        await clock.advance(20);
        const second = other.ask(name);
        await clock.advance((seed % 30) / 10); // every step of theirs takes 0.2 to 1 ms
        one.answer(name, first);
        await clock.advance(100);
        expect([seed, second.kind]).toEqual([seed, expect.stringMatching(/^(answer|won)$/)]);
        second.won?.settle({ kind: 'drop', reason: 'the test is over' });
        if (seed < 60) await leasing.stop();
      }
    });
  },
);

test('a holder that dies while it is waited for delays nobody beyond the time of its lease', async () => {
  const { one, other, clock, grid } = await two({ popularityMin: 3 });
  one.ask(name);
  await clock.advance(20);
  other.ask(name);
  await clock.advance(20);
  grid.cutOff('r1');
  await clock.advance(6500);
  const later = other.ask(name);
  await clock.advance(20);
  expect(later.kind).toBe('won');
});

test('where every answer is shared nobody says that it waits: no more calls than it takes', async () => {
  const { one, other, clock } = await two();
  const first = one.ask(name);
  await clock.advance(20);
  const second = other.ask(name);
  await clock.advance(20);
  one.answer(name, first);
  await clock.advance(50);
  expect(second.kind).toBe('answer');
  expect(callsOf('r1')).toEqual(['lease ok', 'share ok']);
  expect(new Set(callsOf('r2'))).toEqual(new Set(['lease ok', 'wait_look ok']));
});

describe.each(strategies)('a failure (%s)', (strategy) => {
  test('is told to who waits, and to who comes within its time (RFC 9520)', async () => {
    const { one, other, clock } = await two({ strategy });
    const first = one.ask(name);
    await clock.advance(20);
    const waiting = other.ask(name);
    await clock.advance(20);
    one.fail(first);
    await clock.advance(20);
    expect(waiting.kind).toBe('outcome');
    expect(waiting.afterMs).toBeLessThan(30);
    const later = other.ask(name);
    await clock.advance(20);
    expect(later.kind).toBe('outcome');
    await clock.advance(6000);
    const muchLater = other.ask(name);
    await clock.advance(20);
    expect(muchLater.kind).toBe('won');
  });

  test('of a query that was asked nowhere is kept to oneself', async () => {
    const { one, other, clock } = await two({ strategy });
    const first = one.ask(name);
    await clock.advance(20);
    one.fail(first, []);
    await clock.advance(20);
    const second = other.ask(name);
    await clock.advance(20);
    expect(second.kind).toBe('won');
  });

  test.each<[what: string, own: ServerState, others: ServerState, kind: string]>([
    ['for me alone it is not told', 'down', 'up', 'won'],
    ['for a replica that never had an answer it is not told', 'unknown', 'up', 'won'],
    ['for all it is told', 'down', 'down', 'outcome'],
    ['for this question alone it is told', 'up', 'up', 'outcome'],
    ['and nobody knows better, it is told', 'down', 'unknown', 'outcome'],
  ])('by silence: where the upstream is silent %s', async (_, own, others, kind) => {
    const { one, other, clock } = await two({ strategy });
    finds(one, own);
    finds(other, others);
    await clock.advance(100);
    const first = one.ask(name);
    await clock.advance(20);
    one.fail(first, [upstream]);
    await clock.advance(20);
    const second = other.ask(name);
    await clock.advance(20);
    expect(second.kind).toBe(kind);
  });
});

/** Tells the others how a replica finds the upstream. */
function finds({ coordination }: LeasingReplica, state: ServerState): void {
  coordination.healthBoard.publish(upstream, () => ({
    state,
    reason: 'the test says so',
    smoothedRttMs: undefined,
    rttVariationMs: undefined,
    responses: 1,
    sinceSuccessMs: state === 'up' ? 0 : undefined,
    sinceFailureMs: state === 'down' ? 0 : undefined,
  }));
}

describe('a replica that only observes', () => {
  test('takes no lease that others would wait for', async () => {
    leasing = new Leasing();
    const observer = await leasing.join('r1', 'observe');
    const other = await leasing.join('r2');
    expect(observer.ask(name)).toMatchObject({ kind: 'waiting' });
    await leasing.clock.advance(20);
    const second = other.ask(name);
    await leasing.clock.advance(20);
    expect(second.kind).toBe('won');
  });

  test('foretells the leases that others hold, whether they observe or mean it', async () => {
    leasing = new Leasing();
    const observers = [await leasing.join('r1', 'observe'), await leasing.join('r2', 'observe')];
    const holder = await leasing.join('r3');
    for (const observer of observers) {
      expect(observer.ask('seen.example').kind).toBe('waiting');
      await leasing.clock.advance(20);
    }
    holder.ask(name);
    await leasing.clock.advance(20);
    for (const observer of observers) observer.ask(name);
    await leasing.clock.advance(20);
    expect(observers.map(({ coordination }) => coordination.figures.predictedHeld)).toEqual([1, 2]);
    expect(leasing.marks).toContain(place);
  });
});

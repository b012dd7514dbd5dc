import { afterEach, describe, expect, test } from '@jest/globals';
import type { HealthBoard, ServerView } from '../../src/upstream/health-board.ts';
import type { Script } from '../support/scripted-upstream.ts';
import { addressRecord } from '../support/scripted-upstream.ts';
import { queryFor, ask, virtualWorld } from './fixtures.ts';

const a = '192.0.2.1:53';
const b = '192.0.2.2:53';

const answer: Script = ({ name }) => ({ answers: [addressRecord(name, '192.0.2.99')], delayMs: 2 });
const mute: Script = () => undefined;

let world: ReturnType<typeof virtualWorld>;

afterEach(() => {
  world.upstreams.stop();
  expect(world.clock.timersPending).toBe(0);
});

const stateOf = (server: string) =>
  world.upstreams.status().find((status) => status.server === server);

/** Asks `count` names while the first upstream is mute; each costs it a failure after 1 s. */
async function failOften(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    void ask(world.upstreams, queryFor(`fail${String(world.clock.nowMs())}.example`));
    await world.clock.advance(1000);
  }
}

function given(changes: Parameters<typeof virtualWorld>[0] = {}, board?: HealthBoard) {
  world = virtualWorld({ servers: [a, b], ...changes }, board && { healthBoard: board });
  world.transport.scripts.set(a, answer);
  world.transport.scripts.set(b, answer);
  return world;
}

describe('health of an upstream', () => {
  test('three failures in a row and it is out: no longer asked, the reason told', async () => {
    const { transport, observer, settle } = given();
    transport.scripts.set(a, mute);
    await failOften(2);
    expect(stateOf(a)).toMatchObject({ state: 'unknown', consecutiveFailures: 2 });
    await failOften(1);
    expect(stateOf(a)).toMatchObject({ state: 'down', lastFailure: 'timeout', failures: 3 });
    expect(observer.states.at(-1)).toMatchObject({
      server: a,
      state: 'down',
      reason: '3 failures in a row, the last: timeout',
    });
    const before = transport.countOf(a);
    expect(await settle('www.example')).toMatchObject({ detail: b });
    expect(transport.countOf(a)).toBe(before);
  });

  test('the short time of a try is no failure, and a late answer is a success', async () => {
    const { transport, settle, clock, observer } = given();
    transport.scripts.set(a, ({ name }) => ({
      answers: [addressRecord(name, '192.0.2.99')],
      delayMs: 950,
    }));
    for (let i = 0; i < 5; i++) await settle(`n${String(i)}.example`);
    await clock.advance(1000);
    expect(observer.failures).toEqual([]);
    expect(stateOf(a)).toMatchObject({ state: 'up', consecutiveFailures: 0 });
  });

  test('garbage is a failure', async () => {
    const { transport, settle } = given();
    transport.scripts.set(a, ({ wire }) => {
      const raw = Buffer.concat([wire, Buffer.from([0xc0, 12])]);
      raw[2] = 0x81;
      raw[7] = 1;
      return { raw };
    });
    for (let i = 0; i < 3; i++) await settle(`n${String(i)}.example`);
    expect(stateOf(a)).toMatchObject({ state: 'down', lastFailure: 'malformed' });
  });

  test('aliases that lead nowhere are the fault of their domain', async () => {
    const { transport, settle } = given();
    transport.scripts.set(a, ({ name }) => ({
      answers: [{ type: 'CNAME', name, ttl: 60, data: name }],
    }));
    for (let i = 0; i < 9; i++) await settle(`n${String(i)}.example`);
    expect(stateOf(a)).toMatchObject({ state: 'up', lastFailure: 'SERVFAIL' });
  });

  test('twenty SERVFAIL in a row put it out, an answer between them does not', async () => {
    const { transport, settle } = given();
    const fail: Script = () => ({ code: 2 });
    for (let i = 0; i < 39; i++) {
      transport.scripts.set(a, i === 19 ? answer : fail);
      await settle(`n${String(i)}.example`);
      expect(stateOf(a)?.state).toBe('up');
    }
    await settle('last.example');
    expect(stateOf(a)).toMatchObject({ state: 'down', lastFailure: 'SERVFAIL' });
  });

  test('while out it is probed after pauses that double, with jitter, up to the longest', async () => {
    const { transport, clock } = given({
      health: {
        failuresMax: 1,
        failureTimeoutMs: 100,
        backoffMinMs: 1000,
        backoffMaxMs: 4000,
        probeName: 'probe.example',
        probeType: 'SOA',
      },
    });
    transport.scripts.set(a, () => ({ broken: 'network' }));
    await world.settle('www.example');
    transport.scripts.set(a, mute);
    const downAtMs = clock.nowMs();
    await clock.advance(30_000);
    const probes = transport.sent.filter(({ name }) => name === 'probe.example');
    expect(probes.length).toBeGreaterThan(5);
    expect(probes.every(({ server, type }) => server === a && type === 'SOA')).toBe(true);
    const timesMs = [downAtMs - 100, ...probes.map(({ atMs }) => atMs)];
    const pausesMs = timesMs.slice(1).map((atMs, index) => atMs - (timesMs[index] ?? 0) - 100);
    [1000, 2000, 4000, 4000, 4000].forEach((lengthMs, index) => {
      expect(pausesMs[index]).toBeGreaterThanOrEqual(lengthMs * 0.75);
      expect(pausesMs[index]).toBeLessThanOrEqual(lengthMs * 1.25);
    });
    expect(new Set(pausesMs).size).toBeGreaterThan(4);
  });

  test('any well-formed response to a probe brings it back; probes are not among the responses', async () => {
    const { transport, clock, observer, settle } = given();
    transport.scripts.set(a, mute);
    await failOften(3);
    expect(stateOf(a)?.retryInMs).toBeGreaterThan(0);
    const responses = observer.responses.length;
    transport.scripts.set(a, ({ type }) => (type === 'NS' ? { code: 5 } : answerNow));
    await clock.advance(1300);
    expect(stateOf(a)).toMatchObject({ state: 'up', retryInMs: null, consecutiveFailures: 0 });
    expect(observer.responses).toHaveLength(responses);
    expect(await settle('www.example')).toMatchObject({ detail: a });
  });

  test('when all are out, the best is still tried, and its success brings it back', async () => {
    const { transport, settle, clock } = given({ servers: [a] });
    transport.scripts.set(a, mute);
    await failOften(3);
    expect(stateOf(a)?.state).toBe('down');
    await clock.advance(4000);
    transport.scripts.set(a, answer);
    expect(await settle('www.example')).toMatchObject({ kind: 'answer', detail: a });
    expect(stateOf(a)).toMatchObject({ state: 'up', retryInMs: null });
  });

  test('when all are out, the one with the fewest failures is asked first', async () => {
    const { transport, settle } = given();
    transport.scripts.set(a, mute);
    await failOften(4);
    transport.scripts.set(b, mute);
    await failOften(3);
    expect([stateOf(a)?.state, stateOf(b)?.state]).toEqual(['down', 'down']);
    transport.sent.length = 0;
    transport.scripts.set(a, answer);
    transport.scripts.set(b, answer);
    expect(await settle('www.example')).toMatchObject({ kind: 'answer', detail: b });
  });

  test('one that is out is a last resort when the others are silent, not when they said SERVFAIL', async () => {
    const { transport, settle } = given();
    transport.scripts.set(a, mute);
    await failOften(3);
    const before = transport.countOf(a);
    transport.scripts.set(b, () => ({ code: 2 }));
    expect(await settle('one.example')).toMatchObject({ kind: 'failure' });
    expect(transport.countOf(a)).toBe(before);
    transport.scripts.set(a, answer);
    transport.scripts.set(b, mute);
    expect(await settle('two.example')).toMatchObject({ kind: 'answer', detail: a });
  });

  test('a missing socket of ours is not held against the upstream', async () => {
    const { transport, settle } = given();
    transport.scripts.set(a, () => ({ broken: 'exhausted' }));
    for (let i = 0; i < 5; i++) await settle(`n${String(i)}.example`);
    expect(stateOf(a)).toMatchObject({ state: 'unknown', consecutiveFailures: 0 });
  });
});

const answerNow = { answers: [addressRecord('www.example', '192.0.2.99')] };

/** What the others say, as the test wants it. */
class Board implements HealthBoard {
  readonly published: { server: string; view: ServerView }[] = [];
  readonly verdicts = new Map<string, 'up' | 'down' | 'unknown'>();

  publish(server: string, view: () => ServerView): void {
    this.published.push({ server, view: view() });
  }

  withdraw(): void {}

  doubt: (server: string, sinceFailureMs: number) => void = () => undefined;

  onDoubt(listener: (server: string, sinceFailureMs: number) => void): void {
    this.doubt = listener;
  }

  failureAgeMs = 0;

  sinceFailureMs(): number {
    return this.failureAgeMs;
  }

  agreed(server: string): 'up' | 'down' | 'unknown' {
    return this.verdicts.get(server) ?? 'unknown';
  }

  estimateMs(): undefined {
    return undefined;
  }

  isOurs = true;

  claimProbe(): Promise<boolean> {
    return Promise.resolve(this.isOurs);
  }
}

describe('the health board', () => {
  test('leaves the probe of an upstream that is out to another replica, and looks again', async () => {
    const board = new Board();
    board.isOurs = false;
    const { transport, clock } = given({ servers: [a] }, board);
    transport.scripts.set(a, mute);
    await failOften(3);
    await clock.advance(5000); // what was asked before has come to its end
    transport.scripts.set(a, () => answerNow);
    const before = transport.countOf(a);
    await clock.advance(10_000);
    expect(transport.countOf(a)).toBe(before);
    expect(stateOf(a)).toMatchObject({ state: 'down' });
    board.isOurs = true;
    await clock.advance(2000);
    expect(transport.countOf(a)).toBe(before + 1);
    expect(stateOf(a)).toMatchObject({ state: 'up' });
  });

  test('is told every change of state', async () => {
    const board = new Board();
    const { transport, settle } = given({ servers: [a] }, board);
    await settle('www.example');
    transport.scripts.set(a, mute);
    await failOften(3);
    expect(board.published.map(({ server, view }) => [server, view.state])).toEqual([
      [a, 'up'],
      [a, 'down'],
    ]);
  });

  test('an upstream that the replicas agree is down is not asked', async () => {
    const board = new Board();
    board.verdicts.set(a, 'down');
    const { settle } = given({}, board);
    expect(await settle('www.example')).toMatchObject({ detail: b });
    expect(stateOf(a)).toMatchObject({ agreed: 'down', state: 'unknown' });
  });

  test("an own answer a moment ago outweighs the others' down, for 10 s", async () => {
    const board = new Board();
    const { settle, clock } = given({}, board);
    await settle('one.example');
    board.verdicts.set(a, 'down');
    expect(await settle('two.example')).toMatchObject({ detail: a });
    await clock.advance(10_000);
    expect(await settle('three.example')).toMatchObject({ detail: b });
  });

  test('an own answer that is newer than all failures of the others outweighs them, however old', async () => {
    const board = new Board();
    const { settle, clock } = given({}, board);
    await settle('one.example');
    board.verdicts.set(a, 'down');
    await clock.advance(60_000);
    board.failureAgeMs = 61_000;
    expect(await settle('two.example')).toMatchObject({ detail: a });
    await clock.advance(60_000);
    board.failureAgeMs = 59_000;
    expect(await settle('three.example')).toMatchObject({ detail: b });
  });
});

describe('an upstream that another replica finds out is probed once, at once', () => {
  function doubted(changes: Parameters<typeof virtualWorld>[0] = {}) {
    const board = new Board();
    return { board, ...given({ servers: [a], ...changes }, board) };
  }

  test('and is out when it is silent, without a single query lost on it', async () => {
    const { board, transport, clock } = doubted();
    transport.scripts.set(a, mute);
    board.doubt(a, 100);
    board.doubt(a, 100); // one probe in flight, however many doubt it
    await clock.advance(1000);
    expect(transport.countOf(a)).toBe(1);
    expect(stateOf(a)).toMatchObject({ state: 'down' });
  });

  test('and stays in when it answers, which the others are told', async () => {
    const { board, transport, clock } = doubted();
    transport.scripts.set(a, () => answerNow);
    board.doubt(a, 100);
    await clock.advance(100);
    expect(stateOf(a)).toMatchObject({ state: 'up' });
    expect(board.published.at(-1)).toMatchObject({ server: a, view: { sinceSuccessMs: 0 } });
    board.doubt(a, 200); // of before our answer: nothing new
    await clock.advance(100);
    expect(transport.countOf(a)).toBe(1);
    board.doubt(a, 10);
    expect(transport.countOf(a)).toBe(2);
  });

  test('and stays in when it answers a query while the probe is lost', async () => {
    const { board, transport, clock, settle } = doubted();
    transport.scripts.set(a, ({ name }) => (name === '' ? undefined : answerNow));
    board.doubt(a, 100);
    await clock.advance(500);
    await settle('www.example');
    await clock.advance(1000);
    expect(stateOf(a)).toMatchObject({ state: 'up' });
  });

  test('but not when no socket of ours was left: that says nothing of it', async () => {
    const { board, transport, clock } = doubted();
    transport.scripts.set(a, () => ({ broken: 'exhausted' }));
    board.doubt(a, 100);
    await clock.advance(1000);
    expect(stateOf(a)).toMatchObject({ state: 'unknown' });
  });
});

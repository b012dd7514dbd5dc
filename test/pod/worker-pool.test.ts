import { describe, expect, test } from '@jest/globals';
import { ListenFailed } from '../../src/base/errors.ts';
import type { OrderReport, WorkerOrder } from '../../src/pod/control.ts';
import { workersFor } from '../../src/pod/worker-count.ts';
import { WorkerPool } from '../../src/pod/worker-pool.ts';
import type { WorkerHandle } from '../../src/pod/worker-process.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { workerFigures } from './worker-figures.ts';

/** A worker that does what the test says. */
class FakeWorker implements WorkerHandle {
  readonly orders: WorkerOrder[] = [];
  readonly pid: number;
  readonly #listening = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<string>();
  readonly listening = this.#listening.promise;
  readonly ended = this.#ended.promise;

  constructor(pid: number) {
    this.pid = pid;
    this.listening.catch(() => undefined);
  }

  listen(): void {
    this.#listening.resolve();
  }

  fail(): void {
    this.#listening.reject(new ListenFailed('no'));
  }

  end(how: string): void {
    this.#listening.reject(new ListenFailed(how));
    this.#ended.resolve(how);
  }

  order(order: WorkerOrder): Promise<OrderReport> {
    this.orders.push(order);
    if (order.name === 'drain') this.end('exit code 0');
    return Promise.resolve({ figures: workerFigures({}) });
  }

  kill(): void {
    this.end('signal SIGKILL');
  }
}

interface Rig {
  readonly pool: WorkerPool;
  readonly clock: VirtualClock;
  readonly workers: FakeWorker[];
  readonly pauses: number[];
  readonly states: () => string[];
}

function rig(count: number): Rig {
  const clock = new VirtualClock();
  const workers: FakeWorker[] = [];
  const pauses: number[] = [];
  const pool = new WorkerPool(count, {
    clock,
    startWorker: (number) => {
      const worker = new FakeWorker(number);
      workers.push(worker);
      return worker;
    },
    observer: {
      changed: () => undefined,
      ended: () => undefined,
      crashed: (_worker, _how, restartInMs) => pauses.push(restartInMs),
    },
  });
  return { pool, clock, workers, pauses, states: () => pool.places().map(({ state }) => state) };
}

async function started(count: number): Promise<Rig> {
  const made = rig(count);
  const starting = made.pool.start();
  for (const worker of made.workers) worker.listen();
  await starting;
  return made;
}

describe('a worker that ends by itself', () => {
  test('is started again after 250 ms, then after twice the time, up to 10 s', async () => {
    const { clock, workers, pauses } = await started(1);
    for (let times = 0; times < 8; times++) {
      workers.at(-1)?.end('signal SIGSEGV');
      await clock.advance(10_000);
    }
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    expect(workers).toHaveLength(9);
  });

  test('is started again soon when it was healthy for a minute before', async () => {
    const { clock, workers, pauses } = await started(1);
    workers.at(-1)?.end('signal SIGSEGV');
    await clock.advance(250);
    workers.at(-1)?.end('signal SIGSEGV');
    await clock.advance(500);
    workers.at(-1)?.listen();
    await clock.advance(60_000);
    workers.at(-1)?.end('signal SIGSEGV');
    await clock.advance(0);
    expect(pauses).toEqual([250, 500, 250]);
  });

  test('is counted and leaves its place waiting', async () => {
    const { pool, clock, workers, states } = await started(2);
    workers[0]?.end('exit code 1');
    await clock.advance(0);
    expect(states()).toEqual(['waiting', 'listening']);
    expect(pool.restarts).toBe(1);
    await clock.advance(250);
    expect(states()).toEqual(['starting', 'listening']);
    workers[2]?.listen();
    await clock.advance(0);
    expect(states()).toEqual(['listening', 'listening']);
  });
});

describe('a start that fails', () => {
  test('ends all workers and is told', async () => {
    const { pool, clock, workers } = rig(2);
    const starting = pool.start();
    workers[0]?.listen();
    workers[1]?.fail();
    await expect(starting).rejects.toThrow(ListenFailed);
    await clock.advance(60_000);
    expect(workers).toHaveLength(2);
  });
});

describe('a roll', () => {
  test('starts the new worker before the old one ends, one place after the other', async () => {
    const { pool, clock, workers, pauses } = await started(2);
    const rolling = pool.roll(1000);
    await clock.advance(0);
    expect(workers).toHaveLength(3);
    expect(workers[0]?.orders).toEqual([]);
    workers[2]?.listen();
    await clock.advance(0);
    expect(workers[0]?.orders).toEqual([{ name: 'drain', graceMs: 1000, othersGoOn: true }]);
    workers[3]?.listen();
    await rolling;
    expect(workers[1]?.orders).toHaveLength(1);
    expect(pool.places().map(({ current }) => current?.number)).toEqual([2, 3]);
    expect(pauses).toEqual([]);
  });

  test('whose new worker cannot serve leaves the old ones', async () => {
    const { pool, clock, workers, states } = await started(2);
    const rolling = pool.roll(1000).catch((error: unknown) => error);
    await clock.advance(0);
    workers[2]?.fail();
    expect(await rolling).toBeInstanceOf(ListenFailed);
    expect(states()).toEqual(['listening', 'listening']);
    expect(workers.slice(0, 2).map(({ orders }) => orders)).toEqual([[], []]);
  });
});

describe('the number of workers for a machine', () => {
  test.each([
    [4, '', 4],
    [4, 'max 100000\n', 4],
    [4, '150000 100000\n', 2],
    [2, '400000 100000\n', 2],
    [8, '10000 100000\n', 1],
    [1, 'rubbish', 1],
  ])('%d cores with the limit %j', (cores, limit, expected) => {
    expect(workersFor(cores, limit)).toBe(expected);
  });
});

import { expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { GridCaller } from '../../src/grid/grid-caller.ts';
import { GridClock } from '../../src/grid/grid-clock.ts';
import { MemoryGrid } from '../support/memory-grid.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const minutesMs = 60_000;

/** Two replicas that measure the clock of a grid whose members have clocks of their own. */
class Clocks {
  readonly clock = new VirtualClock();
  readonly grid: MemoryGrid;
  readonly replicas: GridClock[] = [];

  constructor(aheadMs: readonly number[]) {
    const random = new SeededRandom(5);
    this.grid = new MemoryGrid({ clock: this.clock, random, members: aheadMs.length });
    aheadMs.forEach((ms, index) => (this.grid.members.at(index).clockAheadMs = ms));
  }

  async start(): Promise<void> {
    for (const id of ['r1', 'r2']) {
      const observer = { operationEnded: () => undefined, breakerChanged: () => undefined };
      const caller = new GridCaller(this.clock, observer, () => Promise.resolve());
      const gridClock = new GridClock(this.clock, caller, 'heimdall', id);
      this.replicas.push(gridClock);
      await this.grid.gridOf(id).start({
        connected: (session) => {
          caller.use(session);
          void gridClock.start();
        },
        lost: () => caller.use(undefined),
      });
      await this.clock.advance(777);
    }
  }

  /** How far the grid's clock is ahead of the right time, as each replica sees it. */
  get aheadMs(): number[] {
    return this.replicas.map((replica) => (replica.nowMs() ?? Number.NaN) - this.clock.wallMs());
  }

  stop(): void {
    for (const replica of this.replicas) replica.stop();
  }
}

test.each<[what: string, aheadMs: number[], expectedMs: number]>([
  ['one member is ahead', [5 * minutesMs, 0, 0], 0],
  ['one member is behind', [0, -5 * minutesMs, 0], 0],
  ['all differ: the middle one counts', [-3 * minutesMs, 0, 4 * minutesMs], 0],
  ['two differ: rather too old than too young', [0, 2 * minutesMs], 2 * minutesMs],
  ['two differ the other way round', [-2 * minutesMs, 0], 0],
])('replicas agree on the time of the grid where %s', async (_, aheadMs, expectedMs) => {
  const clocks = new Clocks(aheadMs);
  await clocks.start();
  await clocks.clock.advance(minutesMs);
  for (const seenMs of clocks.aheadMs) expect(Math.abs(seenMs - expectedMs)).toBeLessThan(100);
  await clocks.clock.advance(8 * minutesMs);
  for (const seenMs of clocks.aheadMs) expect(Math.abs(seenMs - expectedMs)).toBeLessThan(20);
  for (const replica of clocks.replicas) expect(replica.uncertaintyMs()).toBeLessThan(20);
  clocks.stop();
});

test('they agree at every moment while members with wrong clocks leave and come back', async () => {
  const clocks = new Clocks([minutesMs, 0, -minutesMs]);
  await clocks.start();
  await clocks.clock.advance(minutesMs);
  for (const change of ['kill 1', 'start 1', 'kill 0', 'start 0', 'kill 2'] as const) {
    const index = Number(change.split(' ')[1]);
    if (change.startsWith('kill')) clocks.grid.killMember(index);
    else clocks.grid.startMember(index);
    await clocks.clock.advance(8000); // a round at each replica
    const [one = NaN, other = NaN] = clocks.aheadMs;
    expect([change, Math.abs(one - other) < 1000]).toEqual([change, true]);
    await clocks.clock.advance(minutesMs);
  }
  clocks.stop();
});

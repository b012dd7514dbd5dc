import { execFileSync } from 'node:child_process';
import { SystemClock } from '../../src/base/clock.ts';
import { HazelcastGrid } from '../../src/grid/hazelcast-grid.ts';
import type { GridMap, GridSession } from '../../src/grid/grid.ts';
import { SilentLog } from '../../src/telemetry/log.ts';
import { residentBytes } from '../support/process-usage.ts';
import type { GridMember } from './grid-member.ts';
import type { Section } from './section.ts';

/** As many as the smallest member has room for, of the largest. */
const entries = 15_000;
/** Octets of values: an address; addresses with aliases; the most that goes into a datagram, sealed. */
const valueSizes = [100, 300, 1265];
const writesAtOnce = 100;
const ttlMs = 3_600_000;

/** What an answer costs a member: heap that is in use after a collection, with and without them. */
export const entryMemory: Section = async ({ member }) => {
  const { session, stop } = await connect(member);
  const rows: string[][] = [];
  try {
    for (const size of valueSizes) {
      const map = await session.map(`memory${String(size)}.cache`);
      const before = heapBytes(member);
      await fill(map, size);
      const perEntry = (heapBytes(member) - before) / entries;
      const overhead = perEntry - size;
      const resident = residentBytes(member.pid) / 1024 ** 2;
      rows.push([size, perEntry, overhead, resident].map((figure) => figure.toFixed(0)));
      await map.clear();
    }
  } finally {
    await stop();
  }
  return {
    title: `Memory of a member: ${String(entries)} answers under names of some 30 octets, one copy`,
    heading: ['octets of the value', 'heap an entry', 'beside the value', 'resident MB'],
    rows,
  };
};

async function connect({ address }: GridMember) {
  const clusterName = 'heimdall';
  const options = { clusterName, members: [address], connectTimeoutMs: 5000, smartRouting: true };
  const grid = new HazelcastGrid(options, { clock: new SystemClock(), log: new SilentLog() });
  const connected = Promise.withResolvers<GridSession>();
  await grid.start({ connected: connected.resolve, lost: () => undefined });
  return { session: await connected.promise, stop: () => grid.stop() };
}

async function fill(map: GridMap, size: number): Promise<void> {
  for (let from = 0; from < entries; from += writesAtOnce) {
    const numbers = Array.from({ length: writesAtOnce }, (_, index) => from + index);
    await Promise.all(
      numbers.map((number) =>
        map.set(`host${String(number)}.shop.example.com./AAAA/IN`, Buffer.alloc(size, 1), ttlMs),
      ),
    );
  }
}

/** Octets of all objects that are reachable: the histogram collects garbage first. */
function heapBytes({ pid }: GridMember): number {
  const histogram = execFileSync('jcmd', [String(pid), 'GC.class_histogram'], { encoding: 'utf8' });
  const total = /^Total\s+\d+\s+(\d+)$/m.exec(histogram)?.[1];
  if (total === undefined) throw new TypeError('the histogram of the heap has no total');
  return Number(total);
}

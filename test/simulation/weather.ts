import { noFaults } from '../support/memory-link.ts';
import type { SimulatedCluster } from './cluster.ts';

/** Something that may happen in a simulated cluster at any time. */
interface Event {
  readonly name: string;
  readonly happen: (cluster: SimulatedCluster) => void | Promise<void>;
}

function pick(cluster: SimulatedCluster, count: number): number {
  return Math.floor(cluster.random.fraction() * count);
}

function nameOfSome(cluster: SimulatedCluster): string {
  return cluster.replicas[pick(cluster, cluster.replicas.length)]?.name ?? '';
}

/** Values that nobody with the key wrote, under a name that is asked for. */
function putRubbish(cluster: SimulatedCluster): void {
  const map = cluster.grid.peek('heimdall.cache');
  const nowMs = cluster.clock.nowMs();
  for (const key of [...map.keys()].slice(0, 5)) {
    const value = Buffer.from(Array.from({ length: 80 }, () => cluster.random.uint16() & 0xff));
    map.set(key, { value, expiresAtMs: nowMs + 60_000, writtenAtMs: nowMs });
  }
}

const events: readonly Event[] = [
  { name: 'cut off', happen: (cluster) => cluster.grid.cutOff(nameOfSome(cluster)) },
  {
    name: 'slow',
    happen: (cluster) => {
      cluster.grid.faultsOf(nameOfSome(cluster)).delayMs = [1, 40];
    },
  },
  {
    name: 'lossy',
    happen: (cluster) => {
      const faults = cluster.grid.faultsOf(nameOfSome(cluster));
      Object.assign(faults, { dropShare: 0.3, rejectShare: 0.2, reorderShare: 0.2 });
    },
  },
  {
    name: 'events lost',
    happen: (cluster) => {
      cluster.grid.faultsOf(nameOfSome(cluster)).eventDropShare = 0.5;
    },
  },
  { name: 'member killed', happen: (cluster) => cluster.grid.killMember(pick(cluster, 3)) },
  { name: 'member frozen', happen: (cluster) => cluster.grid.freezeMember(pick(cluster, 3)) },
  { name: 'all lost', happen: (cluster) => cluster.grid.loseEverything() },
  { name: 'rubbish', happen: putRubbish },
  { name: 'replica crashed', happen: (cluster) => cluster.crash(pick(cluster, 3)) },
  {
    name: 'flush',
    happen: (cluster) => {
      cluster.replicas[pick(cluster, 3)]?.resolver.flush({ kind: 'all' });
    },
  },
];

/** Something goes wrong, now and then. @returns what */
export async function worsen(cluster: SimulatedCluster): Promise<string> {
  const event = events[pick(cluster, events.length)];
  await event?.happen(cluster);
  return event?.name ?? '';
}

/** Everything that went wrong is mended. */
export function mend(cluster: SimulatedCluster): void {
  for (const { name } of cluster.replicas) {
    cluster.grid.heal(name);
    Object.assign(cluster.grid.faultsOf(name), noFaults);
  }
  for (let index = 0; index < 3; index++) {
    cluster.grid.thawMember(index);
    if (cluster.grid.members.all[index]?.state === 'down') cluster.grid.startMember(index);
  }
  Object.assign(cluster.truth.mood, { muteShare: 0, servfailShare: 0 });
}

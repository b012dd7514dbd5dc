import type { Random } from '../../src/base/random.ts';
import type { Grid } from '../../src/grid/grid.ts';
import { MemoryLink } from './memory-link.ts';
import type { Faults } from './memory-link.ts';
import { MemoryMembers } from './memory-members.ts';
import type { StoredEntry } from './memory-members.ts';
import { MemorySession } from './memory-session.ts';
import type { Listening, SharedGrid } from './memory-session.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface MemoryGridOptions {
  readonly clock: VirtualClock;
  /** Of every delay and fault: the same seed gives the same run. */
  readonly random: Random;
  /** Members; 3 unless told otherwise. */
  readonly members?: number;
  /** Whether keys survive the loss of one member; true unless told otherwise. */
  readonly backups?: boolean;
  /** Whether there are locks, as in 5.4 only. */
  readonly locks?: boolean;
}

/**
 * A grid in memory that several replicas share, on virtual time, with the ways of a real one to go
 * wrong: docs of the parts tell which. One `Grid` for each replica comes from {@link gridOf}.
 */
export class MemoryGrid {
  readonly members: MemoryMembers;
  readonly #options: MemoryGridOptions;
  readonly #shared: SharedGrid;
  readonly #links = new Map<string, MemoryLink>();

  constructor(options: MemoryGridOptions) {
    const { clock, members = 3, backups = true, locks = false } = options;
    this.#options = options;
    this.members = new MemoryMembers(clock, members, backups);
    let fence = 0n;
    this.#shared = {
      members: this.members,
      listening: new Set<Listening>(),
      locks: locks ? new Map<string, bigint | undefined>() : undefined,
      lockWaiters: new Map(),
      nextFence: () => ++fence,
    };
  }

  /** The grid as this replica is connected to it; once for each start of the replica. */
  gridOf(replica: string): Grid {
    const { clock, random } = this.#options;
    const link = new MemoryLink(clock, random, this.members);
    this.#links.set(replica, link);
    const session = new MemorySession(this.#shared, link, () => random.fraction());
    return {
      start: (events) => {
        link.open(events, session);
        return Promise.resolve();
      },
      stop: () => {
        link.close();
        for (const one of [...this.#shared.listening]) {
          if (one.link === link) this.#shared.listening.delete(one);
        }
        return Promise.resolve();
      },
    };
  }

  /** What goes wrong for this replica from now on. */
  faultsOf(replica: string): Faults {
    return this.#linkOf(replica).faults;
  }

  /** The network between this replica and the grid is gone. */
  cutOff(replica: string): void {
    this.#linkOf(replica).cut();
  }

  heal(replica: string): void {
    this.#linkOf(replica).heal();
  }

  killMember(index: number): void {
    this.members.kill(index);
    if (this.members.all.every(({ state }) => state === 'down')) {
      for (const link of this.#links.values()) link.lose();
    }
  }

  startMember(index: number): void {
    this.members.start(index);
  }

  /** A member stops without ending; when all are frozen, replicas lose the grid after two seconds. */
  freezeMember(index: number): void {
    this.members.freeze(index);
    if (this.members.all.some(({ state }) => state === 'up')) return;
    this.#options.clock.setTimer(2000, () => {
      if (this.members.all.some(({ state }) => state === 'up')) return;
      for (const link of this.#links.values()) link.lose();
    });
  }

  thawMember(index: number): void {
    this.members.thaw(index);
  }

  /** All members end at once and come back empty. */
  loseEverything(): void {
    for (const index of this.members.all.keys()) this.killMember(index);
    for (const index of this.members.all.keys()) this.startMember(index);
  }

  /** What lies in a map now, for assertions and for putting rubbish there. */
  peek(map: string): Map<string, StoredEntry> {
    return this.members.map(map);
  }

  #linkOf(replica: string): MemoryLink {
    const link = this.#links.get(replica);
    if (link === undefined) throw new RangeError(`replica ${replica} has no grid`);
    return link;
  }
}

import type { VirtualClock } from './virtual-clock.ts';
import { MemberCounters } from './memory-counters.ts';

/** Members tell one another what they counted so often. */
const replicationIntervalMs = 1000;
/** `hazelcast.max.no.heartbeat.seconds` of hazelcast.yaml. */
const castOutAfterMs = 5000;
const partitionCount = 31;

export type MemberState = 'up' | 'frozen' | 'down';

export interface StoredEntry {
  readonly value: Buffer;
  readonly expiresAtMs: number;
  readonly writtenAtMs: number;
}

/** A call that a frozen member has not read yet. */
export interface Waiting {
  readonly run: () => void;
  readonly abandon: () => void;
  /** Whether it still counts when the others have cast the member out meanwhile. */
  readonly outlivesCastOut: boolean;
}

export class MemoryMember {
  readonly name: string;
  state: MemberState = 'down';
  /** How far its clock is ahead of that of the others. */
  clockAheadMs = 0;
  /** Frozen for so long that the others go on without it. */
  isCastOut = false;
  backlog: Waiting[] = [];
  #starts = 0;
  counters = new MemberCounters('');

  constructor(name: string) {
    this.name = name;
  }

  get isInCluster(): boolean {
    return this.state !== 'down' && !this.isCastOut;
  }

  begin(): void {
    this.#starts++;
    this.state = 'up';
    this.isCastOut = false;
    this.backlog = [];
    this.counters = new MemberCounters(`${this.name}#${String(this.#starts)}`);
  }
}

/**
 * The members of a grid in memory: who holds which key, what is lost with whom. With a backup a
 * member's keys survive it; without one they go. Additions to counters that it had not passed on
 * go with it in any case.
 */
export class MemoryMembers {
  readonly all: readonly MemoryMember[];
  readonly #clock: VirtualClock;
  readonly #hasBackups: boolean;
  readonly #maps = new Map<string, Map<string, StoredEntry>>();
  #owners: (MemoryMember | undefined)[] = [];
  #isReplicating = false;

  constructor(clock: VirtualClock, count: number, hasBackups: boolean) {
    this.#clock = clock;
    this.#hasBackups = hasBackups;
    this.all = Array.from({ length: count }, (_, index) => new MemoryMember(`member-${index}`));
    for (const member of this.all) member.begin();
    this.#assign();
  }

  get inCluster(): MemoryMember[] {
    return this.all.filter(({ isInCluster }) => isInCluster);
  }

  ownerOf(key: string): MemoryMember | undefined {
    return this.#owners[partitionOf(key)];
  }

  map(name: string): Map<string, StoredEntry> {
    const known = this.#maps.get(name);
    if (known !== undefined) return known;
    const entries = new Map<string, StoredEntry>();
    this.#maps.set(name, entries);
    return entries;
  }

  /** The time by which members judge TTLs; another one than the replicas'. */
  get wallMs(): number {
    return this.#clock.wallMs();
  }

  start(index: number): void {
    const member = this.at(index);
    if (member.state !== 'down') return;
    member.begin();
    this.#assign();
    this.replicateSoon();
  }

  /** As by `kill -9`. */
  kill(index: number): void {
    const member = this.at(index);
    for (const { abandon } of member.backlog) abandon();
    const wasInCluster = member.isInCluster;
    member.state = 'down';
    member.backlog = [];
    if (wasInCluster) this.#drop(member);
  }

  freeze(index: number): void {
    const member = this.at(index);
    if (member.state !== 'up') return;
    member.state = 'frozen';
    this.#clock.setTimer(castOutAfterMs, () => {
      if (member.state !== 'frozen' || this.inCluster.length < 2) return;
      member.isCastOut = true;
      this.#drop(member);
    });
  }

  thaw(index: number): void {
    const member = this.at(index);
    if (member.state !== 'frozen') return;
    member.state = 'up';
    const backlog = member.backlog;
    member.backlog = [];
    for (const { run, abandon, outlivesCastOut } of backlog) {
      if (!member.isCastOut || outlivesCastOut) run();
      else abandon();
    }
    member.isCastOut = false;
    this.#assign();
    this.replicateSoon();
  }

  at(index: number): MemoryMember {
    const member = this.all[index];
    if (member === undefined) throw new RangeError(`there is no member ${index}`);
    return member;
  }

  /** Members pass on what they counted after a while, if they live to do so. */
  replicateSoon(): void {
    if (this.#isReplicating) return;
    this.#isReplicating = true;
    this.#clock.setTimer(replicationIntervalMs, () => {
      this.#isReplicating = false;
      const up = this.all.filter(({ state, isCastOut }) => state === 'up' && !isCastOut);
      for (const from of up)
        for (const to of up) if (to !== from) to.counters.mergeFrom(from.counters);
    });
  }

  destroyCounter(name: string): void {
    for (const { counters } of this.all) counters.destroy(name);
  }

  #drop(member: MemoryMember): void {
    const heirs = this.inCluster;
    if (heirs.length === 0) this.#maps.clear();
    else if (!this.#hasBackups) this.#forgetEntriesOf(member);
    this.#assign();
  }

  #forgetEntriesOf(member: MemoryMember): void {
    for (const entries of this.#maps.values()) {
      for (const key of [...entries.keys()]) if (this.ownerOf(key) === member) entries.delete(key);
    }
  }

  #assign(): void {
    const members = this.inCluster;
    this.#owners = Array.from(
      { length: partitionCount },
      (_, partition) => members[partition % Math.max(1, members.length)],
    );
  }
}

function partitionOf(key: string): number {
  let hash = 7;
  for (let index = 0; index < key.length; index++) {
    hash = (Math.imul(hash, 31) + key.charCodeAt(index)) >>> 0;
  }
  return hash % partitionCount;
}

/** As Hazelcast cuts it: an entry dies up to a second early. 0 is for ever. */
export function expiryOf(nowMs: number, ttlMs: number): number {
  return ttlMs === 0 ? Infinity : Math.floor((nowMs + ttlMs) / 1000) * 1000;
}

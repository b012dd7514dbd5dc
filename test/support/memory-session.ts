import type {
  GridCounter,
  GridLock,
  GridMap,
  GridMember,
  GridSession,
  MapListener,
} from '../../src/grid/grid.ts';
import type { CounterReply, Observed } from './memory-counters.ts';
import type { MemoryLink } from './memory-link.ts';
import { expiryOf } from './memory-members.ts';
import type { MemoryMember, MemoryMembers, StoredEntry } from './memory-members.ts';

/** A listener of one replica. */
export interface Listening {
  readonly map: string;
  readonly withValue: boolean;
  readonly listener: MapListener;
  readonly link: MemoryLink;
}

/** What all sessions of one grid share. */
export interface SharedGrid {
  readonly members: MemoryMembers;
  readonly listening: Set<Listening>;
  /** Locks by name: the fence of the holder, undefined while it is free. Undefined without CP. */
  readonly locks: Map<string, bigint | undefined> | undefined;
  /** Who waits for a lock, by its name; each takes it when its turn comes. */
  readonly lockWaiters: Map<string, (() => void)[]>;
  nextFence: () => bigint;
}

/** The session of one replica. */
export class MemorySession implements GridSession {
  readonly #grid: SharedGrid;
  readonly #link: MemoryLink;
  readonly #targets = new Map<string, MemoryMember>();
  readonly #observed = new Map<string, Observed>();
  readonly #random: () => number;

  constructor(grid: SharedGrid, link: MemoryLink, random: () => number) {
    this.#grid = grid;
    this.#link = link;
    this.#random = random;
  }

  map(name: string): Promise<GridMap> {
    return this.#ifConnected(new MemoryMap(name, this.#grid, this.#link));
  }

  counter(name: string): Promise<GridCounter> {
    const { members } = this.#grid;
    return this.#ifConnected({
      get: () => this.#count(name, ({ counters }, observed) => counters.get(name, observed)),
      add: (delta) =>
        this.#count(name, ({ counters }, observed) => {
          members.replicateSoon();
          return counters.add(name, delta, observed);
        }),
      reset: () => {
        this.#observed.delete(name);
        return Promise.resolve();
      },
      destroy: () => {
        this.#observed.delete(name);
        return this.#link.call({
          member: () => members.inCluster[0],
          run: () => members.destroyCounter(name),
          outlivesCastOut: false,
        });
      },
    });
  }

  lock(name: string): Promise<GridLock> {
    const { locks, lockWaiters, members, nextFence } = this.#grid;
    if (locks === undefined)
      return Promise.reject(new Error('CP subsystem is an Enterprise feature'));
    const call = <T>(run: () => T): Promise<T> =>
      this.#link.call({ member: () => members.inCluster[0], run, outlivesCastOut: false });
    const take = (): bigint | undefined => {
      if (locks.get(name) !== undefined) return undefined;
      const fence = nextFence();
      locks.set(name, fence);
      return fence;
    };
    return this.#ifConnected({
      // Without a limit to the wait: whoever gave up gives the lock back when it comes.
      tryLock: async (waitMs) => {
        const turn = Promise.withResolvers<bigint | undefined>();
        await call(() => {
          const fence = take();
          if (fence !== undefined || waitMs === 0) turn.resolve(fence);
          else {
            const waiters = lockWaiters.get(name) ?? [];
            lockWaiters.set(name, [...waiters, () => turn.resolve(take())]);
          }
        });
        return turn.promise;
      },
      unlock: (fence) =>
        call(() => {
          if (locks.get(name) !== fence) return;
          locks.delete(name);
          const [next, ...rest] = lockWaiters.get(name) ?? [];
          lockWaiters.set(name, rest);
          next?.();
        }),
    });
  }

  memberOf(key: string): string {
    return this.#grid.members.ownerOf(key)?.name ?? 'unknown';
  }

  members(): readonly GridMember[] {
    return this.#grid.members.inCluster.map(({ name }) => ({
      id: name,
      address: `${name}:5701`,
      version: 'memory',
    }));
  }

  /**
   * As the client does it: one member is stuck to; when it fails, the same call goes to another one,
   * whether the first has done it or not.
   */
  async #count(
    name: string,
    run: (member: MemoryMember, observed: Observed) => CounterReply,
  ): Promise<number> {
    const tried = new Set<MemoryMember>();
    for (;;) {
      const target = this.#targetOf(name, tried);
      if (target === undefined) throw new Error('no member holds counters');
      // As it stands now: a member that reads the call late compares with this.
      const observed = this.#observed.get(name) ?? new Map<string, number>();
      try {
        const reply = await this.#link.call({
          member: () => target,
          run: (member) => run(member, observed),
          outlivesCastOut: true,
        });
        if (isAfter(reply.observed, this.#observed.get(name))) {
          this.#observed.set(name, reply.observed);
        }
        return reply.value;
      } catch (error) {
        tried.add(target);
        this.#targets.delete(name);
        if (this.#targetOf(name, tried) === undefined) throw error;
      }
    }
  }

  #targetOf(name: string, tried: ReadonlySet<MemoryMember>): MemoryMember | undefined {
    const known = this.#targets.get(name);
    const isUsable = known !== undefined && known.state !== 'down' && !tried.has(known);
    if (isUsable) return known;
    const choice = this.#grid.members.inCluster.filter((member) => !tried.has(member));
    const target = choice[Math.floor(this.#random() * choice.length)];
    if (target !== undefined) this.#targets.set(name, target);
    return target;
  }

  #ifConnected<T>(value: T): Promise<T> {
    return this.#link.isConnected ? Promise.resolve(value) : Promise.reject(new Error('offline'));
  }
}

function isAfter(one: Observed, other: Observed | undefined): boolean {
  if (other === undefined) return true;
  return Array.from(other).every(([origin, additions]) => (one.get(origin) ?? 0) >= additions);
}

class MemoryMap implements GridMap {
  readonly #name: string;
  readonly #grid: SharedGrid;
  readonly #link: MemoryLink;

  constructor(name: string, grid: SharedGrid, link: MemoryLink) {
    this.#name = name;
    this.#grid = grid;
    this.#link = link;
  }

  get(key: string): Promise<Buffer | undefined> {
    return this.#call(key, () => copyOf(this.#read(key)?.value));
  }

  set(key: string, value: Buffer, ttlMs: number): Promise<void> {
    return this.#call(key, () => this.#write(key, value, ttlMs));
  }

  putIfAbsent(key: string, value: Buffer, ttlMs: number): Promise<Buffer | undefined> {
    return this.#call(key, () => {
      const found = this.#read(key);
      if (found === undefined) this.#write(key, value, ttlMs);
      return copyOf(found?.value);
    });
  }

  replaceIfSame(key: string, expected: Buffer, value: Buffer): Promise<boolean> {
    return this.#call(key, () => {
      const found = this.#read(key);
      if (found === undefined || !found.value.equals(expected)) return false;
      const writtenAtMs = this.#nowMs;
      this.#entries.set(key, { ...found, value: Buffer.from(value), writtenAtMs });
      this.#tell(key, value);
      return true;
    });
  }

  keepFor(key: string, ttlMs: number): Promise<void> {
    return this.#call(key, () => {
      const found = this.#read(key);
      if (found === undefined) return;
      this.#entries.set(key, { ...found, expiresAtMs: expiryOf(this.#nowMs, ttlMs) });
    });
  }

  removeIfSame(key: string, expected: Buffer): Promise<boolean> {
    return this.#call(key, () => {
      const isSame = this.#read(key)?.value.equals(expected) === true;
      if (isSame) this.#remove(key);
      return isSame;
    });
  }

  remove(key: string): Promise<void> {
    return this.#call(key, () => this.#remove(key));
  }

  clear(): Promise<void> {
    return this.#callAny(() => this.#entries.clear());
  }

  keys(): Promise<string[]> {
    return this.#callAny(() => this.#live().map(([key]) => key));
  }

  entries(): Promise<[key: string, value: Buffer][]> {
    return this.#callAny(() => this.#live().map(([key, { value }]) => [key, Buffer.from(value)]));
  }

  writtenAtMs(key: string): Promise<number | undefined> {
    return this.#call(key, () => {
      const found = this.#read(key);
      const aheadMs = this.#grid.members.ownerOf(key)?.clockAheadMs ?? 0;
      if (found === undefined) return undefined;
      return Math.floor((found.writtenAtMs + aheadMs) / 1000) * 1000;
    });
  }

  listen(withValue: boolean, listener: MapListener): Promise<void> {
    return this.#callAny(() => {
      this.#grid.listening.add({ map: this.#name, withValue, listener, link: this.#link });
    });
  }

  get #entries(): Map<string, StoredEntry> {
    return this.#grid.members.map(this.#name);
  }

  get #nowMs(): number {
    return this.#grid.members.wallMs;
  }

  #read(key: string): StoredEntry | undefined {
    const found = this.#entries.get(key);
    if (found === undefined || found.expiresAtMs > this.#nowMs) return found;
    this.#entries.delete(key);
    return undefined;
  }

  #write(key: string, value: Buffer, ttlMs: number): void {
    const expiresAtMs = expiryOf(this.#nowMs, ttlMs);
    this.#entries.set(key, { value: Buffer.from(value), expiresAtMs, writtenAtMs: this.#nowMs });
    this.#tell(key, value);
  }

  #remove(key: string): void {
    if (this.#read(key) === undefined) return;
    this.#entries.delete(key);
    this.#tell(key, undefined);
  }

  #live(): [string, StoredEntry][] {
    return [...this.#entries].filter(([, { expiresAtMs }]) => expiresAtMs > this.#nowMs);
  }

  /** @param value undefined when the entry was removed */
  #tell(key: string, value: Buffer | undefined): void {
    const from = this.#grid.members.ownerOf(key);
    for (const { map, withValue, listener, link } of this.#grid.listening) {
      if (map !== this.#name) continue;
      link.event(from, () => {
        if (value === undefined) listener.removed(key);
        else listener.written(key, withValue ? Buffer.from(value) : undefined);
      });
    }
  }

  #call<T>(key: string, run: () => T): Promise<T> {
    const member = (): MemoryMember | undefined => this.#grid.members.ownerOf(key);
    return this.#link.call({ member, run, outlivesCastOut: false });
  }

  /** What no key belongs to needs all members: a frozen one holds it up. */
  #callAny<T>(run: () => T): Promise<T> {
    const { members } = this.#grid;
    const member = (): MemoryMember | undefined =>
      members.inCluster.find(({ state }) => state === 'frozen') ?? members.inCluster[0];
    return this.#link.call({ member, run, outlivesCastOut: false });
  }
}

function copyOf(value: Buffer | undefined): Buffer | undefined {
  return value === undefined ? undefined : Buffer.from(value);
}

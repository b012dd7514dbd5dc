/**
 * What Heimdall needs of a grid, and no more: the driver of Hazelcast implements it, and so does
 * the grid in memory on which whole clusters are simulated. Calls may hang for ever or reject;
 * only `GridCaller` makes them, which gives each a deadline.
 */
export interface GridMap {
  get(key: string): Promise<Buffer | undefined>;
  /** @param ttlMs after which the grid forgets the entry, cut to whole seconds there; 0: never */
  set(key: string, value: Buffer, ttlMs: number): Promise<void>;
  /** Stores where there is nothing. @returns what is there already, undefined when it was stored */
  putIfAbsent(key: string, value: Buffer, ttlMs: number): Promise<Buffer | undefined>;
  /**
   * Replaces `expected` only; its lifetime is that of the map then. @returns whether it was there
   */
  replaceIfSame(key: string, expected: Buffer, value: Buffer): Promise<boolean>;
  /** Gives what lies there another lifetime from now on; nothing where nothing does. */
  keepFor(key: string, ttlMs: number): Promise<void>;
  /** Removes `expected` only. @returns whether it was there */
  removeIfSame(key: string, expected: Buffer): Promise<boolean>;
  remove(key: string): Promise<void>;
  clear(): Promise<void>;
  keys(): Promise<string[]>;
  entries(): Promise<[key: string, value: Buffer][]>;
  /** When the entry was last written, in milliseconds of the member's clock, cut to whole seconds. */
  writtenAtMs(key: string): Promise<number | undefined>;
  /**
   * Tells of changes by any replica, this one included, until the session ends for good: it
   * survives reconnects and restarts of all members. The value is given when `withValue` is set.
   */
  listen(withValue: boolean, listener: MapListener): Promise<void>;
}

export interface MapListener {
  written(key: string, value: Buffer | undefined): void;
  removed(key: string): void;
}

/**
 * A counter that each replica may add to; one writer each, so that it can be corrected. Calls
 * reject with `GridStateLost` once members were lost, until {@link reset}.
 */
export interface GridCounter {
  get(): Promise<number>;
  add(delta: number): Promise<number>;
  /** Forgets what was observed before: needed after the grid lost everything. */
  reset(): Promise<void>;
  /** Removes it from the grid, when its writer has gone for good; used again it counts from 0. */
  destroy(): Promise<void>;
}

/** A lock that only one replica of the cluster holds. */
export interface GridLock {
  /** @returns a fence to give back, or undefined when it was not free within `waitMs` */
  tryLock(waitMs: number): Promise<bigint | undefined>;
  unlock(fence: bigint): Promise<void>;
}

/** A connection that works; another one may follow it. */
export interface GridSession {
  map(name: string): Promise<GridMap>;
  counter(name: string): Promise<GridCounter>;
  /** Rejects where the grid has no CP Subsystem. */
  lock(name: string): Promise<GridLock>;
  /** The member that holds the key, as far as known: what the breaker judges. */
  memberOf(key: string): string;
  /** The members now, as text. */
  members(): readonly GridMember[];
}

export interface GridMember {
  readonly id: string;
  readonly address: string;
  readonly version: string;
}

export interface GridEvents {
  /** Connected, again or for the first time. */
  connected(session: GridSession): void;
  /** Not reachable any more; the driver goes on trying. */
  lost(): void;
}

/** A grid that is connected to in the background for as long as it is started. */
export interface Grid {
  start(events: GridEvents): Promise<void>;
  stop(): Promise<void>;
}

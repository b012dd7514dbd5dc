/**
 * `unknown`: never heard of. `down`: failed too often, is probed. `loop`: leads back to this
 * resolver, is not used.
 */
export type ServerState = 'up' | 'down' | 'loop' | 'unknown';

/** How this replica sees an upstream. */
export interface ServerView {
  readonly state: ServerState;
  /** Why it is in this state. */
  readonly reason: string;
  /** Undefined before the first response. */
  readonly smoothedRttMs: number | undefined;
  readonly rttVariationMs: number | undefined;
  /** Responses since the start: the weight of the estimate. */
  readonly responses: number;
  /** Milliseconds since the last answer, undefined without one: how much an `up` is worth. */
  readonly sinceSuccessMs: number | undefined;
  /** Milliseconds since the last failure, undefined without one. */
  readonly sinceFailureMs: number | undefined;
}

/** Where replicas tell one another of upstreams. `server` is the text of the upstream. */
export interface HealthBoard {
  /**
   * This replica's view changed. Returns at once; whatever goes wrong is the board's own affair.
   * @param view asked again whenever the view is told or counted: what it says grows old
   */
  publish(server: string, view: () => ServerView): void;
  /** The upstream is no longer used here: this replica has no view of it. */
  withdraw(server: string): void;
  /** What the replicas agree upon. */
  agreed(server: string): 'up' | 'down' | 'unknown';
  /**
   * Milliseconds since the newest failure of those replicas that find it out; infinite where none
   * does. An answer got here after that is the better knowledge.
   */
  sinceFailureMs(server: string): number;
  /**
   * Calls `listener` whenever another replica tells that it finds an upstream out, again and again
   * while it does; one listener at a time.
   */
  onDoubt(listener: (server: string, sinceFailureMs: number) => void): void;
  /** The cluster's estimate of its round trip time, for a replica that has none. */
  estimateMs(server: string): number | undefined;
  /**
   * Whether this replica is to probe an upstream that is out: one does it for all at a time. Bounded
   * in time, never rejects; without an answer of the others it is.
   */
  claimProbe(server: string): Promise<boolean>;
}

/** No other replicas. */
export class NoHealthBoard implements HealthBoard {
  publish(): void {}
  withdraw(): void {}
  onDoubt(): void {}

  agreed(): 'unknown' {
    return 'unknown';
  }

  sinceFailureMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  estimateMs(): undefined {
    return undefined;
  }

  claimProbe(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

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
}

/** Where replicas tell one another of upstreams. `server` is the text of the upstream. */
export interface HealthBoard {
  /**
   * This replica's view changed. Returns at once; whatever goes wrong is the board's own affair.
   */
  publish(server: string, view: ServerView): void;
  /** What the replicas agree upon. */
  agreed(server: string): 'up' | 'down' | 'unknown';
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

  agreed(): 'unknown' {
    return 'unknown';
  }

  estimateMs(): undefined {
    return undefined;
  }

  claimProbe(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

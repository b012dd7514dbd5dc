import type { Disbelief } from './seal.ts';

/** How a look into L2 ended. `predicted_…` while the switch is on `observe`. */
export type LookResult = 'hit' | 'stale' | 'miss' | 'unavailable';
/** What asking for a lease came to. */
export type LeaseEvent =
  'won' | 'held' | 'answered' | 'failure_shared' | 'in_vain' | 'unavailable' | 'lock_unsupported';

/** Plain counters of the grid, read at scrape. */
export class GridFigures {
  readonly looks: Record<LookResult, number> = { hit: 0, stale: 0, miss: 0, unavailable: 0 };
  /** The same while the switch is on `observe`. */
  readonly predictedLooks: Record<LookResult, number> = {
    hit: 0,
    stale: 0,
    miss: 0,
    unavailable: 0,
  };
  readonly leases: Record<LeaseEvent, number> = {
    won: 0,
    held: 0,
    answered: 0,
    failure_shared: 0,
    in_vain: 0,
    unavailable: 0,
    lock_unsupported: 0,
  };
  /** Upstream queries that `on` would have saved, while `observe`. */
  predictedHeld = 0;
  readonly dropped: Record<Disbelief | 'expired', number> = {
    malformed: 0,
    version: 0,
    unknown_key: 0,
    unauthenticated: 0,
    expired: 0,
  };
  shared = 0;
  /** Not shared because nobody asks often enough. */
  unpopular = 0;
  /** Pushed out of the queue of writes. */
  writesDropped = 0;
  bulletinsSent = 0;
  bulletinsHeard = 0;
  warmEntries = 0;
}

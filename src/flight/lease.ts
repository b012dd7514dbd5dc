import type { AgedAnswer } from '../dns/answer.ts';
import type { Outcome } from '../query/outcome.ts';

/** This replica asks upstream, and says how it went. */
export interface LeaseWon {
  readonly kind: 'won';
  readonly settle: (outcome: Outcome) => void;
}

/** How waiting for another replica ended. */
export type LeaseResolution =
  /** The answer is in L2. */
  | { readonly kind: 'answer'; readonly found: AgedAnswer }
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  /** The other one gave it up: now it is ours. */
  | LeaseWon
  /** The wait was in vain: ask for oneself. */
  | { readonly kind: 'in_vain' };

/** What asking for a lease came to. */
export type LeaseResult =
  | LeaseWon
  /** Another replica asks; bounded in time, never rejects. */
  | { readonly kind: 'held'; readonly resolution: Promise<LeaseResolution> }
  /** Nobody to agree with: ask for oneself. */
  | { readonly kind: 'unavailable' };

/** Port of the lease on a question: who of all replicas asks upstream. Bounded in time, never rejects. */
export interface Lease {
  acquire(key: Buffer): Promise<LeaseResult>;
}

/** No grid: every replica asks for itself. */
export const noLease: Lease = {
  acquire: () => Promise.resolve({ kind: 'unavailable' }),
};

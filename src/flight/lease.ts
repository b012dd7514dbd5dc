import type { Outcome } from '../query/outcome.ts';

/** What asking for a lease came to. */
export type LeaseResult =
  /** This replica asks upstream, and says how it went. */
  | { readonly kind: 'won'; readonly settle: (outcome: Outcome) => void }
  /** Another replica asks; its outcome, or undefined when the wait was in vain. */
  | { readonly kind: 'held'; readonly outcome: Promise<Outcome | undefined> }
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

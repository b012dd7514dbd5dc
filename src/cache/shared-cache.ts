import type { AgedAnswer, Answer } from '../dns/answer.ts';

/**
 * Port of L2, the cache that all replicas share. A driver bounds every call in time and never
 * rejects: whatever goes wrong is a miss, counted by the driver.
 */
export interface SharedCache {
  /** An answer that another replica fetched, perhaps past its TTL. */
  look(key: Buffer): Promise<AgedAnswer | undefined>;
  /** Shares an answer behind the client's; returns at once. */
  share(key: Buffer, answer: Answer, ageSeconds: number): void;
}

/** No grid: every look is a miss, nothing is shared. */
export const noSharedCache: SharedCache = {
  look: () => Promise.resolve(undefined),
  share: () => undefined,
};

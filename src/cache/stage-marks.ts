import type { Answer } from '../dns/answer.ts';

/**
 * Port to whoever decides by client what becomes of an answer: an entry that it marks is never
 * served by the hot path, which knows no clients; the stages see each query for it.
 */
export interface StageMarks {
  /** Whether the stages must see queries for this name that have this answer. */
  needsStages(name: Buffer, answer: Answer): boolean;
}

/** Every client gets the same. */
export class NoStageMarks implements StageMarks {
  needsStages(): boolean {
    return false;
  }
}

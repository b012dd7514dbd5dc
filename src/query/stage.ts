import type { Outcome } from './outcome.ts';
import type { Query } from './query.ts';

/** Passes a query on to the stages below. */
export type Next = (query: Query) => Promise<Outcome>;

/**
 * One step in the way of a query: it settles the query itself, or passes it on and may look at the
 * outcome. It never rejects for bad input or a bad upstream.
 */
export interface Stage {
  readonly name: string;
  handle(query: Query, next: Next): Promise<Outcome>;
}

/** Chains the stages, the first being the outermost; the last one must settle every query. */
export function chainStages(stages: readonly Stage[], end: Next): Next {
  return stages.reduceRight<Next>((next, stage) => (query) => stage.handle(query, next), end);
}

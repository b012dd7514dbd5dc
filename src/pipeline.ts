import { chainStages } from './query/stage.ts';
import type { Next, Stage } from './query/stage.ts';

/**
 * The way of a query, from the outermost stage to the innermost. A stage may feel those below it,
 * never those above.
 *
 * Before the stages, a listener asks the hot path (`listen/hot-path.ts`): it makes the key from
 * the octets of the query, and on a plain fresh hit in L1 patches a copy of the answer and sends
 * it. No stage sees such a query. All others are read (`query/read-query.ts`: what is no query is
 * dropped, what is malformed is refused there) and come here:
 *
 * On a hit that the hot path left alone (an option to look at, a stale entry), `cache` settles it.
 *
 * On a miss, `cache` passes the query on; `flight` lets one of all equal queries go further, and
 * the others wait for its outcome; `keep` looks at L1 once more; `shared-cache` looks into L2 once;
 * `lease` finds out which replica asks; `forward` selects upstreams by health, asks, checks the
 * response. On the way up `shared-cache` shares the answer, `keep` stores it in L1, `flight` hands
 * it to all who wait, and `cache` falls back to a stale answer where the fetch failed or takes
 * longer than a client's patience; the fetch then goes on.
 *
 * With the grid gone, or none configured, `shared-cache` misses at once and `lease` lets everybody
 * ask: the same stages with nothing behind two of them.
 */
export interface Stages {
  /** Counts and logs what becomes of a query. */
  readonly observe: Stage;
  /** What must not be asked ends here. */
  readonly admit: Stage;
  /** Special-use names. */
  readonly local: Stage;
  /** L1: fresh, stale, or the memory of a failure. */
  readonly recall: Stage;
  /** One fetch per question in this process. */
  readonly flight: Stage;
  /** Stores in L1 what was fetched. */
  readonly keep: Stage;
  /** L2. */
  readonly sharedCache: Stage;
  /** One fetch per question in the cluster. */
  readonly lease: Stage;
  /** Asks upstreams; settles whatever comes to it. */
  readonly forward: Stage;
}

/** The two entrances. */
export interface Pipeline {
  /** For the queries of clients. */
  readonly resolve: Next;
  /** Below L1, for what the cache refreshes by itself. */
  readonly fetch: Next;
}

export function buildPipeline(stages: Stages): Pipeline {
  const { observe, admit, local, recall, flight, keep, sharedCache, lease, forward } = stages;
  const end: Next = (query) => forward.handle(query, unreachableNext);
  const fetch = chainStages([flight, keep, sharedCache, lease], end);
  const resolve = chainStages([observe, admit, local, recall], fetch);
  return { resolve, fetch };
}

/** `forward` settles every query, so it has nobody to pass one on to. */
const unreachableNext: Next = () =>
  Promise.resolve({ kind: 'drop', reason: 'no stage below forward' });

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
 * Below `subnet` a question may be one on behalf of a subnet, which is part of its key, so that all
 * that follows keeps it apart.
 *
 * On a miss, `cache` passes the query on; `search` asks first for what search lists have in common; `flight` lets one of all equal queries go further, and
 * the others wait for its outcome; `keep` looks at L1 once more; `shared-cache` looks into L2 once;
 * `lease` finds out which replica asks; `forward` selects upstreams by health, asks, checks the
 * response; `confirm` asks a second upstream where the first says that a popular name is gone. On the way up `shared-cache` shares the answer, `keep` stores it in L1, `flight` hands
 * it to all who wait, and `cache` falls back to a stale answer where the fetch failed or takes
 * longer than a client's patience; the fetch then goes on.
 *
 * With the grid gone, or none configured, `shared-cache` misses at once and `lease` lets everybody
 * ask: the same stages with nothing behind two of them.
 *
 * With several workers a query passes two processes. In the worker it comes as far as `keep`, and
 * there `ask-primary` stands for the rest; in the primary it goes through `admit` (which knows the
 * probes for loops), `cache` with the large L1 of the pod, `flight`, where the workers meet, and
 * all below. Observed and answered it is in the worker alone.
 */

/** The stages down to where a fetch begins: each process that answers clients has its own. */
export interface UpperStages {
  /** Counts and logs what becomes of a query. */
  readonly observe: Stage;
  /** What must not be asked ends here. */
  readonly admit: Stage;
  /** Names of our own, special-use names. */
  readonly local: Stage;
  /** Types and addresses that are kept from everybody. */
  readonly screen: Stage;
  /** Names on lists. */
  readonly filter: Stage;
  /** On behalf of which subnet upstreams are asked. */
  readonly subnet: Stage;
  /** IPv6 addresses for names that have none. */
  readonly dns64: Stage;
  /** L1: fresh, stale, or the memory of a failure. */
  readonly recall: Stage;
  /** What search lists make of names: names above are asked for first. */
  readonly search: Stage;
  /** One fetch per question in this process. */
  readonly flight: Stage;
  /** Stores in L1 what was fetched. */
  readonly keep: Stage;
}

/** All of them, in one process. */
export interface Stages extends UpperStages {
  /** L2. */
  readonly sharedCache: Stage;
  /** One fetch per question in the cluster. */
  readonly lease: Stage;
  /** A second opinion before a good answer is gone. */
  readonly confirm: Stage;
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

/** Where upstreams are asked there is a third one. */
export interface WholePipeline extends Pipeline {
  /** For what workers ask. */
  readonly ask: Next;
}

export function buildPipeline(stages: Stages): WholePipeline {
  const { flight, keep, sharedCache, lease, confirm, forward, admit, recall } = stages;
  const fetch = chainStages([flight, keep, sharedCache, lease, confirm], endOf(forward));
  const resolve = chainStages(downToSearch(stages), fetch);
  const ask = chainStages([admit, recall], fetch);
  return { resolve, fetch, ask };
}

/** @param askPrimary settles whatever comes to it */
export function buildWorkerPipeline(
  stages: UpperStages & { readonly askPrimary: Stage },
): Pipeline {
  const { flight, keep, askPrimary } = stages;
  const fetch = chainStages([flight, keep], endOf(askPrimary));
  return { resolve: chainStages(downToSearch(stages), fetch), fetch };
}

function downToSearch(stages: UpperStages): Stage[] {
  const { observe, admit, local, screen, filter, subnet, dns64, recall, search } = stages;
  return [observe, admit, local, screen, filter, subnet, dns64, recall, search];
}

function endOf(last: Stage): Next {
  return (query) => last.handle(query, unreachableNext);
}

/** The last stage settles every query, so it has nobody to pass one on to. */
const unreachableNext: Next = () =>
  Promise.resolve({ kind: 'drop', reason: 'no stage below the last one' });

import type { AgedAnswer, Answer } from '../dns/answer.ts';
import type { ExtendedError } from '../dns/edns.ts';

/** The layer that settled a query: a label value of metrics, and what `heimdall query` shows. */
export type Layer = 'admit' | 'local' | 'filter' | 'l1' | 'stale' | 'l2' | 'upstream' | 'failure';

/** What became of a query. Stages return it; nothing is thrown for bad news. */
export type Outcome =
  | {
      readonly kind: 'answer';
      readonly answer: Answer;
      /** Seconds since the answer's TTLs were right; they are counted down by it. */
      readonly ageSeconds: number;
      /** Serve-stale: every TTL is set to this instead (RFC 8767 section 4). */
      readonly staleTtlSeconds?: number;
      readonly extendedErrors: readonly ExtendedError[];
      readonly layer: Layer;
      /** The upstream that answered, or the rule that applied. */
      readonly detail?: string;
      /** Answered by a name server with authority: local data (AA in the response). */
      readonly authoritative?: boolean;
    }
  | {
      readonly kind: 'failure';
      /** A response code other than NOERROR and NXDOMAIN. */
      readonly code: number;
      readonly extendedErrors: readonly ExtendedError[];
      readonly layer: Layer;
      readonly detail?: string;
      /**
       * The upstreams asked, where none of them responded at all; none at all where none was asked.
       * Such a failure may be that of this replica's own network.
       */
      readonly silent?: readonly string[];
      /** Say nothing but "ask by TCP": TC set, and the code is NOERROR. */
      readonly truncated?: boolean;
    }
  | { readonly kind: 'drop'; readonly reason: string };

/** An answer within its TTL, as it was kept or fetched. */
export function freshOutcome(
  { answer, ageSeconds }: AgedAnswer,
  layer: Layer,
): Outcome & { kind: 'answer' } {
  return { kind: 'answer', answer, ageSeconds, extendedErrors: answer.extendedErrors, layer };
}

/** A failure without more to say. */
export function failure(
  code: number,
  layer: Layer,
  ...extendedErrors: readonly ExtendedError[]
): Outcome {
  return { kind: 'failure', code, layer, extendedErrors };
}

import { extendedErrorCode, recordType, recordTypeName, responseCode } from '../dns/codes.ts';
import { failure } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';

/** Port to whoever sends probes upstream to find out whether they come back. */
export interface LoopProbes {
  /** Whether the name is one of our own probes; it is noted as come back. */
  noteIfProbe(name: Buffer): boolean;
}

/** The types that ask for something other than data (RFC 6895 section 3.1), ANY excepted. */
const metaTypesFrom = recordType.TKEY;
const metaTypesTo = recordType.MAILA;

/** Who and what is let in: questions that a forwarder cannot or must not answer end here. */
export class AdmitStage implements Stage {
  readonly name = 'admit';
  readonly #probes: LoopProbes;

  constructor(probes: LoopProbes) {
    this.#probes = probes;
  }

  handle(query: Query, next: Next): Promise<Outcome> {
    const refusal = this.#refusal(query);
    return refusal === undefined ? next(query) : Promise.resolve(refusal);
  }

  #refusal(query: Query): Outcome | undefined {
    const { type, name } = query.question;
    if (!query.recursionDesired) {
      // Without recursion there is nothing that a forwarder may do; answering from the cache
      // would tell anybody what others have asked (RFC 5452 section 9.1).
      return refused(extendedErrorCode.NOT_AUTHORITATIVE, 'recursion was not asked for');
    }
    if (type >= metaTypesFrom && type <= metaTypesTo) {
      const text = `${recordTypeName(type)} is not served`;
      return refused(extendedErrorCode.NOT_SUPPORTED, text);
    }
    if (this.#probes.noteIfProbe(name)) {
      return refused(extendedErrorCode.OTHER, 'this query came back to where it was sent from');
    }
    return undefined;
  }
}

function refused(code: number, text: string): Outcome {
  return failure(responseCode.REFUSED, 'admit', { code, text });
}

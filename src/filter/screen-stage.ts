import { uint16At } from '../base/bytes.ts';
import type { Answer } from '../dns/answer.ts';
import { extendedErrorCode, recordTypeName, responseCode } from '../dns/codes.ts';
import { questionEnd } from '../dns/message.ts';
import { isAtOrBelow } from '../dns/name.ts';
import { negativeOutcome } from '../query/local-answer.ts';
import type { LocalOrigin } from '../query/local-answer.ts';
import { failure } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import { givesPrivateAddress } from './private-addresses.ts';

/** What becomes of a query of a type that nobody is to ask for. */
export const typeAnswers = ['nodata', 'refused', 'drop'] as const;

export interface ScreenOptions {
  /** Types that are answered here, whatever the name. */
  readonly types: ReadonlySet<number>;
  readonly typesAnswer: (typeof typeAnswers)[number];
  /** Whether names must not lead to private addresses. */
  readonly refusesPrivate: boolean;
  /** Suffixes in wire form whose names may. */
  readonly privateSuffixes: readonly Buffer[];
  /** How long clients may keep what is said here. */
  readonly ttlSeconds: number;
}

/**
 * What is kept from all clients whatever the name: types of queries, and answers with private
 * addresses, by which a page of the public reaches what its reader alone can (DNS rebinding).
 */
export class ScreenStage implements Stage {
  readonly name = 'screen';
  /** By reason. */
  readonly screened = { type: 0, private_address: 0 };
  #options: ScreenOptions;

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  setOptions(options: ScreenOptions): void {
    this.#options = options;
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    if (query.purpose !== 'client') return next(query);
    if (this.#options.types.has(query.question.type)) return this.#withoutType(query);
    const outcome = await next(query);
    if (outcome.kind !== 'answer' || outcome.layer === 'filter') return outcome;
    if (!this.#isRebinding(query.question.name, outcome.answer)) return outcome;
    this.screened.private_address++;
    const origin = this.#origin('a private address');
    return negativeOutcome(query.question, 'nodata', query.question.name, origin);
  }

  /** See `StageMarks` in the cache's room. */
  needsStages(name: Buffer, answer: Answer): boolean {
    const { types } = this.#options;
    const type = uint16At(answer.wire, questionEnd(answer.wire, answer.wire.length) - 4);
    return types.has(type) || this.#isRebinding(name, answer);
  }

  #isRebinding(name: Buffer, { wire }: Answer): boolean {
    const { refusesPrivate, privateSuffixes } = this.#options;
    if (!refusesPrivate || !givesPrivateAddress(wire)) return false;
    return !privateSuffixes.some((suffix) => isAtOrBelow(name, suffix));
  }

  #withoutType({ question }: Query): Outcome {
    this.screened.type++;
    const origin = this.#origin(`type ${recordTypeName(question.type)}`);
    switch (this.#options.typesAnswer) {
      case 'nodata':
        return negativeOutcome(question, 'nodata', question.name, origin);
      case 'refused':
        return failure(responseCode.REFUSED, 'filter', ...origin.extendedErrors);
      case 'drop':
        return { kind: 'drop', reason: 'filter' };
    }
  }

  #origin(detail: string): LocalOrigin {
    const { ttlSeconds } = this.#options;
    const extendedErrors = [{ code: extendedErrorCode.BLOCKED, text: detail }];
    return { layer: 'filter', detail, ttlSeconds, extendedErrors };
  }
}

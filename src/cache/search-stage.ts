import type { Clock } from '../base/clock.ts';
import { isPlainNxdomain } from '../dns/answer.ts';
import { answerTo } from '../dns/answer-to.ts';
import { recordType } from '../dns/codes.ts';
import { isAtOrBelow, parentName } from '../dns/name.ts';
import { encodeKey } from '../dns/question.ts';
import type { Outcome } from '../query/outcome.ts';
import { ownQuery } from '../query/own-query.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import type { AnswerCache } from './answer-cache.ts';

/** Names above the question's that are asked about: `namespace`, `service`, and one in reserve. */
const namesAboveMax = 3;

/**
 * Search lists: with `ndots:5` a pod asks for `www.example.com.default.svc.cluster.local` and its
 * like before it asks for `www.example.com`, for each name anew. Below the suffixes of such lists
 * it is first asked whether the names above are there, from the suffix downward: with
 * `com.default.svc.cluster.local` missing nothing below it can be there (RFC 8020), so that one
 * answer, kept for its TTL, serves every name of the public that ends so.
 *
 * Not for clients that validate: the proof would be that of another name.
 */
export class SearchStage implements Stage {
  readonly name = 'search';
  readonly #cache: AnswerCache;
  readonly #clock: Clock;
  /** In wire form, lower case, the longest first. */
  #suffixes: readonly Buffer[] = [];
  /** Queries that the absence of a name above answered. */
  cuts = 0;

  /** @param suffixes in wire form and lower case */
  constructor(cache: AnswerCache, clock: Clock, suffixes: readonly Buffer[]) {
    this.#cache = cache;
    this.#clock = clock;
    this.setSuffixes(suffixes);
  }

  setSuffixes(suffixes: readonly Buffer[]): void {
    this.#suffixes = suffixes.toSorted((one, other) => other.length - one.length);
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    if (this.#suffixes.length === 0 || query.purpose !== 'client' || query.flags.dnssecOk) {
      return next(query);
    }
    for (const name of this.#namesAbove(query.question.name)) {
      const key = encodeKey({ name, type: recordType.A }, query.flags);
      const above = await next(ownQuery(key, 'client', query.receivedAtMs));
      // With a failure, or an alias that leads nowhere, nothing is known of the names below.
      if (above.kind !== 'answer' || above.staleTtlSeconds !== undefined) break;
      if (isPlainNxdomain(above.answer)) return this.#cut(query, above);
    }
    return next(query);
  }

  #cut(query: Query, above: Outcome & { kind: 'answer' }): Outcome {
    this.cuts++;
    const answer = answerTo(query.question, above.answer);
    this.#cache.keep(query.key, answer, this.#clock.nowMs(), above.ageSeconds);
    return { ...above, answer };
  }

  /** Between the suffix and a name below it, the nearest to the suffix first. */
  #namesAbove(name: Buffer): Buffer[] {
    const suffix = this.#suffixes.find((candidate) => isAtOrBelow(name, candidate));
    if (suffix === undefined || suffix.length === name.length) return [];
    const above: Buffer[] = [];
    for (let at = parentName(name); at.length > suffix.length; at = parentName(at)) above.push(at);
    return above
      .toReversed()
      .slice(0, namesAboveMax)
      .filter((candidate) => !this.#leadsToSuffix(candidate));
  }

  /** Such a name is there, whatever a server may say of one that holds nothing itself. */
  #leadsToSuffix(name: Buffer): boolean {
    return this.#suffixes.some((suffix) => isAtOrBelow(suffix, name));
  }
}

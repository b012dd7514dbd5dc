import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import type { Answer } from '../dns/answer.ts';
import { extendedErrorCode, recordType, responseCode } from '../dns/codes.ts';
import { lowerName } from '../dns/name.ts';
import type { Question } from '../dns/question.ts';
import { readName, readRecords } from '../dns/records.ts';
import { negativeOutcome, positiveOutcome } from '../query/local-answer.ts';
import type { LocalOrigin } from '../query/local-answer.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import { FilterPolicy } from './filter-policy.ts';
import type { FilterRules, ListRule } from './filter-policy.ts';
import { NameTable } from './name-table.ts';

export interface FilterOptions extends FilterRules {
  /** How long clients may keep the answer to a blocked name. */
  readonly ttlSeconds: number;
}

/**
 * Names on lists are answered here, by the client that asks. What is in no list passes on at the
 * cost of one look for each label. An alias that leads to a blocked name is blocked as well, which
 * shows only in the answer.
 *
 * The hot path knows no lists: an answer that some list is about is marked in the cache, so that
 * its queries come here (`StageMarks` in the cache's room).
 */
export class FilterStage implements Stage {
  readonly name = 'filter';
  /** Queries that each list blocked. */
  readonly blocked = new Map<string, number>();
  #table = new NameTable(0);
  #policy: FilterPolicy;
  #ttlSeconds: number;

  constructor(options: FilterOptions) {
    this.#policy = new FilterPolicy(options);
    this.#ttlSeconds = options.ttlSeconds;
  }

  get figures(): { readonly names: number; readonly sizeBytes: number } {
    return { names: this.#table.size, sizeBytes: this.#table.sizeBytes };
  }

  /** Takes over lists and what they mean, which belong together. */
  replace(table: NameTable, options: FilterOptions): void {
    this.#table = table;
    this.#policy = new FilterPolicy(options);
    this.#ttlSeconds = options.ttlSeconds;
    const names = new Set(options.lists.map(({ name }) => name));
    for (const name of this.blocked.keys()) if (!names.has(name)) this.blocked.delete(name);
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    if (this.#table.size === 0 || query.purpose !== 'client') return next(query);
    const blocked = this.#judge(this.#table.listsOf(query.question.name), query);
    if (blocked !== undefined) return blocked;
    const outcome = await next(query);
    if (outcome.kind !== 'answer') return outcome;
    return this.#judge(this.#listsOfAliases(outcome.answer), query) ?? outcome;
  }

  /** See `StageMarks`: whether any list is about the name, or about an alias of the answer. */
  needsStages(name: Buffer, answer: Answer): boolean {
    if (this.#table.size === 0) return false;
    return (this.#table.listsOf(name) | this.#listsOfAliases(answer)) !== 0;
  }

  #judge(lists: number, { question, client }: Query): Outcome | undefined {
    const verdict = this.#policy.judge(lists, client.host);
    if (verdict.kind === 'pass') return undefined;
    const { name } = verdict.rule;
    this.blocked.set(name, (this.blocked.get(name) ?? 0) + 1);
    return blockedOutcome(question, verdict.rule, this.#ttlSeconds);
  }

  /** The lists with a target of a CNAME record of the answer. */
  #listsOfAliases({ wire }: Answer): number {
    if (wire.readUInt16BE(6) < 2) return 0; // an alias and what it leads to are two records
    let lists = 0;
    for (const { type, rdataOffset } of readRecords(wire)?.answer ?? []) {
      const target = type === recordType.CNAME ? readName(wire, rdataOffset) : undefined;
      if (target !== undefined) lists |= this.#table.listsOf(lowerName(target));
    }
    return lists;
  }
}

/** The answer to a blocked name, with extended error 15 (RFC 8914 section 4.16). */
function blockedOutcome(question: Question, rule: ListRule, ttlSeconds: number): Outcome {
  const extendedErrors = [{ code: extendedErrorCode.BLOCKED, text: `list ${rule.name}` }];
  const origin = { layer: 'filter', detail: rule.name, ttlSeconds, extendedErrors } as const;
  switch (rule.answer) {
    case 'refused':
      return {
        kind: 'failure',
        code: responseCode.REFUSED,
        layer: 'filter',
        extendedErrors,
        detail: rule.name,
      };
    case 'nxdomain':
    case 'nodata':
      return negativeOutcome(question, rule.answer, question.name, origin);
    case 'zero':
      return addressOutcome(question, ['0.0.0.0', '::'], origin);
    case 'addresses':
      return addressOutcome(question, rule.addresses, origin);
  }
}

/** The addresses of the type asked for; NODATA where there are none, or for another type. */
function addressOutcome(
  question: Question,
  addresses: readonly string[],
  origin: LocalOrigin,
): Outcome {
  const length = addressLengths.get(question.type);
  const records = addresses
    .map(addressOctets)
    .filter((octets) => octets.length === length)
    .map((octets) => [{ octets }]);
  return records.length === 0
    ? negativeOutcome(question, 'nodata', question.name, origin)
    : positiveOutcome(question, question.type, records, origin);
}

const addressLengths = new Map<number, number>([
  [recordType.A, 4],
  [recordType.AAAA, 16],
]);

function addressOctets(text: string): Buffer {
  const octets = Buffer.alloc(addressLengthMax);
  return octets.subarray(0, writeAddress(text, octets));
}

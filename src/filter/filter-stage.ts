import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import type { Answer } from '../dns/answer.ts';
import { extendedErrorCode, recordType, responseCode } from '../dns/codes.ts';
import { lowerName, nameLengthMax } from '../dns/name.ts';
import type { Question } from '../dns/question.ts';
import { readName, readRecords } from '../dns/records.ts';
import { negativeOutcome, positiveOutcome } from '../query/local-answer.ts';
import type { LocalOrigin } from '../query/local-answer.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import { dataOutcome } from '../query/local-data.ts';
import type { LocalData } from '../query/local-data.ts';
import type { LoadedLists } from './filter-lists.ts';
import type { FilterPauses } from './filter-pauses.ts';
import { FilterPolicy } from './filter-policy.ts';
import type { FilterAnswer, FilterReason, FilterRules, ListRule } from './filter-policy.ts';
import { NameTable } from './name-table.ts';
import { RuleActions } from './rule-actions.ts';
import type { RuleAction } from './rule-actions.ts';

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
  readonly #pauses: FilterPauses;
  #table = new NameTable(0);
  #actions = new RuleActions();
  #policy: FilterPolicy;
  #ttlSeconds: number;

  constructor(options: FilterOptions, pauses: FilterPauses) {
    this.#pauses = pauses;
    this.#policy = new FilterPolicy(options, this.#pauses);
    this.#ttlSeconds = options.ttlSeconds;
  }

  get figures(): { readonly names: number; readonly sizeBytes: number } {
    return { names: this.#table.size, sizeBytes: this.#table.sizeBytes };
  }

  /** Takes over lists and what they mean, which belong together. */
  replace({ table, actions }: LoadedLists, options: FilterOptions): void {
    this.#table = table;
    this.#actions = actions;
    this.#policy = new FilterPolicy(options, this.#pauses);
    this.#ttlSeconds = options.ttlSeconds;
    const names = new Set(options.lists.map(({ name }) => name));
    for (const name of this.blocked.keys()) if (!names.has(name)) this.blocked.delete(name);
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    if (this.#table.size === 0 || query.purpose !== 'client') return next(query);
    const { name } = query.question;
    const blocked = this.#judge(name, query, next);
    if (blocked !== undefined) return blocked;
    const outcome = await next(query);
    if (outcome.kind !== 'answer') return outcome;
    for (const alias of aliasesOf(outcome.answer)) {
      const led = this.#judge(alias, query, next);
      if (led !== undefined) return led;
    }
    return outcome;
  }

  /** See `StageMarks`: whether any list is about the name, or about an alias of the answer. */
  needsStages(name: Buffer, answer: Answer): boolean {
    if (this.#table.size === 0) return false;
    return [name, ...aliasesOf(answer)].some((one) => this.#table.listsOf(one) !== 0);
  }

  #judge(name: Buffer, query: Query, next: Next): Promise<Outcome> | undefined {
    const verdict = this.#policy.judge(this.#table.listsOf(name), query.client.host);
    if (verdict.kind === 'pass') return undefined;
    const { rule, list } = verdict;
    const action = answerOf(rule) === 'rules' ? this.#actionOf(list, name) : undefined;
    if (action?.kind === 'tcp-only' && query.transport !== 'udp') return undefined;
    this.blocked.set(rule.name, (this.blocked.get(rule.name) ?? 0) + 1);
    if (action === undefined) {
      return Promise.resolve(blockedOutcome(query.question, rule, this.#ttlSeconds));
    }
    return actionOutcome(query, action, originOf(rule, this.#ttlSeconds), next);
  }

  #actionOf(list: number, name: Buffer): RuleAction | undefined {
    return this.#actions.of(list, name, (one, scope) => this.#table.hasRule(one, 1 << list, scope));
  }
}

/** Whether a list says for each rule what it does, or one thing for all. */
function answerOf({ answer, format }: ListRule): Exclude<FilterAnswer, 'auto'> | 'rules' {
  if (answer !== 'auto') return answer;
  return format === 'rpz' ? 'rules' : 'zero';
}

/** The targets of the CNAME records of an answer. */
function aliasesOf({ wire }: Answer): Buffer[] {
  if (wire.readUInt16BE(6) < 2) return []; // an alias and what it leads to are two records
  const aliases: Buffer[] = [];
  for (const { type, rdataOffset } of readRecords(wire)?.answer ?? []) {
    const target = type === recordType.CNAME ? readName(wire, rdataOffset) : undefined;
    if (target !== undefined) aliases.push(lowerName(target));
  }
  return aliases;
}

const reasonCodes: Readonly<Record<FilterReason, number>> = {
  blocked: extendedErrorCode.BLOCKED,
  censored: extendedErrorCode.CENSORED,
  filtered: extendedErrorCode.FILTERED,
};

function originOf({ name, extendedError }: ListRule, ttlSeconds: number): LocalOrigin {
  const extendedErrors = [{ code: reasonCodes[extendedError], text: `list ${name}` }];
  return { layer: 'filter', detail: name, ttlSeconds, extendedErrors };
}

function actionOutcome(
  query: Query,
  action: RuleAction,
  origin: LocalOrigin,
  next: Next,
): Promise<Outcome> {
  const { question } = query;
  switch (action.kind) {
    case 'nodata':
      return Promise.resolve(negativeOutcome(question, 'nodata', question.name, origin));
    case 'drop':
      return Promise.resolve({ kind: 'drop', reason: 'filter' });
    case 'tcp-only': {
      const { layer, detail, extendedErrors } = origin;
      const code = responseCode.NOERROR;
      return Promise.resolve({
        kind: 'failure',
        code,
        layer,
        detail,
        extendedErrors,
        truncated: true,
      });
    }
    case 'data':
      return dataOutcome(query, withWildcards(action.data, question.name), origin, next);
  }
}

/** An alias to `*.garden.example` leads to the name asked for, below that garden. */
function withWildcards(data: LocalData, name: Buffer): LocalData {
  const [part] = data.get(recordType.CNAME)?.[0] ?? [];
  if (part === undefined || !('name' in part) || part.name[0] !== 1 || part.name[1] !== 0x2a) {
    return data;
  }
  const target = Buffer.concat([name.subarray(0, -1), part.name.subarray(2)]);
  if (target.length > nameLengthMax) return new Map();
  return new Map([[recordType.CNAME, [[{ name: target, compressible: true }]]]]);
}

/** The answer to a blocked name, with the extended error of its list. */
function blockedOutcome(question: Question, rule: ListRule, ttlSeconds: number): Outcome {
  const origin = originOf(rule, ttlSeconds);
  const { layer, detail, extendedErrors } = origin;
  const answer = answerOf(rule);
  switch (answer) {
    case 'refused':
      return { kind: 'failure', code: responseCode.REFUSED, layer, extendedErrors, detail };
    case 'rules':
      return negativeOutcome(question, 'nxdomain', question.name, origin);
    case 'nxdomain':
    case 'nodata':
      return negativeOutcome(question, answer, question.name, origin);
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

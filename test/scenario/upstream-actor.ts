import { responseCode } from '../../src/dns/codes.ts';
import type { ScriptedQuery, ScriptedReply } from '../support/scripted-reply.ts';
import type { ScriptRecord, Section } from './script-records.ts';
import type { Failure, UpstreamRule } from './statements.ts';

/** An upstream that does what the statements of a script told last. */
export class UpstreamActor {
  failure: Failure | undefined;
  delayMs = 0;
  readonly #server: string;
  readonly #rules: UpstreamRule[] = [];
  readonly #onUnexpected: (what: string) => void;

  constructor(server: string, onUnexpected: (what: string) => void) {
    this.#server = server;
    this.#onUnexpected = onUnexpected;
  }

  /** From now on; goes before the rules that were there. */
  learn(rule: UpstreamRule): void {
    this.#rules.unshift(rule);
  }

  reply(query: ScriptedQuery): ScriptedReply | undefined {
    if (this.failure !== undefined) return failureReply(query, this.failure, this.delayMs);
    if (isProbe(query)) return { delayMs: this.delayMs };
    const rule = this.#rules.find((one) => matches(one, query));
    if (rule === undefined) {
      this.#onUnexpected(`${this.#server} was asked for ${query.name} ${query.type}`);
      return { code: responseCode.SERVFAIL };
    }
    return ruleReply(query, rule, rule.delayMs ?? this.delayMs);
  }
}

/** What `upstream.health` asks by default. */
export function isProbe({ name, type }: Pick<ScriptedQuery, 'name' | 'type'>): boolean {
  return name === '' && type === 'NS';
}

function matches(rule: UpstreamRule, query: ScriptedQuery): boolean {
  const name = query.name.toLowerCase();
  const isBelow = rule.name.startsWith('*.') && name.endsWith(rule.name.slice(1));
  const isName = rule.name === '*' || rule.name === name || isBelow;
  return isName && (rule.type === '*' || rule.type === typeNameOf(query));
}

/** dns-packet says `UNKNOWN_65280` where we say `TYPE65280`. */
function typeNameOf({ type }: ScriptedQuery): string {
  return type.replace('UNKNOWN_', 'TYPE');
}

function ruleReply(query: ScriptedQuery, rule: UpstreamRule, delayMs: number): ScriptedReply {
  if (rule.truncated && query.transport === 'udp') return { truncated: true, delayMs };
  const section = (wanted: Section): ScriptRecord['record'][] =>
    rule.records.filter((one) => one.section === wanted).map(({ record }) => record);
  const options = rule.extendedErrors.map((code) => ({ code: 15, data: Buffer.from([0, code]) }));
  return {
    code: rule.code,
    answers: section('answer'),
    authorities: section('authority'),
    additionals: section('additional'),
    authenticData: rule.authenticData,
    delayMs,
    ...(options.length > 0 && query.edns !== undefined ? { edns: options } : {}),
  };
}

function failureReply(
  query: ScriptedQuery,
  failure: Failure,
  delayMs: number,
): ScriptedReply | undefined {
  switch (failure) {
    case 'servfail':
      return { code: responseCode.SERVFAIL, delayMs };
    case 'refused':
      return { code: responseCode.REFUSED, delayMs };
    case 'formerr':
      return { code: responseCode.FORMERR, delayMs };
    case 'notimp':
      return { code: responseCode.NOTIMP, delayMs };
    case 'timeout':
      return undefined;
    case 'network':
    case 'closed':
      return { broken: failure, delayMs };
    case 'garbage':
      return { raw: overrunning(query), delayMs };
    case 'referral':
      return {
        recursionAvailable: false,
        authorities: [{ type: 'NS', name: 'com', ttl: 60, data: 'ns.example.net' }],
        delayMs,
      };
  }
}

/** A response whose only record runs over its end. */
function overrunning(query: ScriptedQuery): Buffer {
  const octets = Buffer.concat([query.wire, Buffer.from([0xc0, 12, 0, 1])]);
  octets[2] = 0x81;
  octets.writeUInt16BE(1, 6);
  return octets;
}

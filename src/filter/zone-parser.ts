import { HeimdallError, MalformedRecord } from '../base/errors.ts';
import { recordType } from '../dns/codes.ts';
import { isAtOrBelow, lowerName, nameLengthMax, parseName } from '../dns/name.ts';
import type { RdataPart } from '../dns/rdata.ts';
import { parseRdata } from '../dns/rdata-text.ts';
import { readTypeAndTtl } from '../dns/record-text.ts';
import { splitWords } from '../dns/record-words.ts';
import type { RecordWord } from '../dns/record-words.ts';
import type { LineParser, RuleSink } from './list-parser.ts';
import type { RuleEffect } from './rule-actions.ts';

/** A record in parentheses goes on over lines, but not for longer than this. */
const wordsMax = 100;
const root = Buffer.from([0]);
const everything = parseName('*');

/** Actions that are spelled as the target of an alias (draft-vixie-dnsop-dns-rpz section 3). */
const targets: ReadonlyMap<string, RuleEffect | 'passthru' | 'nxdomain'> = new Map<
  string,
  RuleEffect | 'passthru' | 'nxdomain'
>([
  [textOf(root), 'nxdomain'],
  [textOf(parseName('*')), { kind: 'nodata' }],
  [textOf(parseName('rpz-passthru')), 'passthru'],
  [textOf(parseName('rpz-drop')), { kind: 'drop' }],
  [textOf(parseName('rpz-tcp-only')), { kind: 'tcp-only' }],
]);

/** Last labels of triggers that are not about the name asked for: those are skipped. */
const otherTriggers = ['rpz-ip', 'rpz-client-ip', 'rpz-nsdname', 'rpz-nsip'].map((label) =>
  parseName(label),
);
/** They belong to the zone itself. */
const zoneTypes = new Set<number>([recordType.SOA, recordType.NS]);

/** Reads a response policy zone line by line: names of rules are relative to its apex. */
export class ZoneParser implements LineParser {
  readonly #sink: RuleSink;
  #origin: Buffer = root;
  /** The owner of the SOA record; what comes before it is taken for relative to the origin. */
  #apex: Buffer | undefined;
  #owner: Buffer | undefined;
  #pending: RecordWord[] = [];
  #isOpen = false;

  constructor(sink: RuleSink) {
    this.#sink = sink;
  }

  line(text: string): void {
    if (text.trim() === '') return;
    try {
      this.#take(splitWords(text), /^\s/.test(text));
    } catch (error) {
      if (!(error instanceof HeimdallError)) throw error;
      this.#pending = [];
      this.#isOpen = false;
      this.#sink.skipped();
    }
  }

  /** Collects the words up to the closing parenthesis. */
  #take(words: readonly RecordWord[], hasNoOwner: boolean): void {
    if (!this.#isOpen && words.length > 0) {
      this.#pending = hasNoOwner ? [{ text: '', isQuoted: false }] : [];
    }
    for (const word of words) {
      if (word.isQuoted || (word.text !== '(' && word.text !== ')')) this.#pending.push(word);
      else this.#isOpen = word.text === '(';
    }
    if (this.#pending.length > wordsMax) throw new MalformedRecord('a record has too many words');
    if (this.#isOpen || this.#pending.length === 0) return;
    const record = this.#pending;
    this.#pending = [];
    this.#record(record);
  }

  #record([first, ...words]: readonly RecordWord[]): void {
    const text = first?.text ?? '';
    if (text.startsWith('$')) {
      this.#directive(text, words);
      return;
    }
    const owner = text === '' ? this.#owner : this.#absolute(text);
    if (owner === undefined) throw new MalformedRecord('a record has no owner');
    this.#owner = owner;
    const { type, rest } = readTypeAndTtl(words);
    if (type === recordType.SOA) this.#apex = owner;
    const apex = this.#apex ?? this.#origin;
    if (zoneTypes.has(type) && owner.equals(apex)) return;
    const trigger = relativeTo(owner, apex);
    this.#rule(
      trigger,
      type,
      parseRdata(type, rest, (name) => this.#absolute(name)),
    );
  }

  /** Of the directives only the origin matters: answers live as long as the filter says. */
  #directive(name: string, [value]: readonly RecordWord[]): void {
    if (name.toUpperCase() === '$ORIGIN') this.#origin = this.#absolute(value?.text ?? '');
  }

  #rule(trigger: Buffer, type: number, rdata: readonly RdataPart[]): void {
    const isEverything = trigger.length === 1 || trigger.equals(everything);
    const isOther = otherTriggers.some((label) => isAtOrBelow(trigger, label));
    if (isOther || isEverything) {
      this.#sink.skipped();
      return;
    }
    const isWildcard = trigger[0] === 1 && trigger[1] === 0x2a;
    const name = isWildcard ? trigger.subarray(2) : trigger;
    const scope = isWildcard ? 'below' : 'exact';
    const effect = specialEffect(type, rdata);
    this.#sink.rule(name, scope, effect === 'passthru');
    if (effect === 'passthru' || effect === 'nxdomain') return;
    this.#sink.effect(name, scope, effect ?? { kind: 'record', type, rdata });
  }

  #absolute(text: string): Buffer {
    if (text === '@') return this.#origin;
    const name = lowerName(parseName(text));
    if (text.endsWith('.') && !text.endsWith('\\.')) return name;
    const whole = Buffer.concat([name.subarray(0, -1), this.#origin]);
    if (whole.length > nameLengthMax) throw new MalformedRecord(`"${text}" is too long`);
    return whole;
  }
}

/** What an alias to a special name stands for. */
function specialEffect(
  type: number,
  [part]: readonly RdataPart[],
): RuleEffect | 'passthru' | 'nxdomain' | undefined {
  const isAlias = type === recordType.CNAME && part !== undefined && 'name' in part;
  return isAlias ? targets.get(textOf(part.name)) : undefined;
}

/** The labels in front of the apex as a name of their own. */
function relativeTo(owner: Buffer, apex: Buffer): Buffer {
  if (!isAtOrBelow(owner, apex)) throw new MalformedRecord('an owner is not in the zone');
  return Buffer.concat([owner.subarray(0, owner.length - apex.length), root]);
}

function textOf(name: Uint8Array): string {
  return Buffer.from(name).toString('latin1');
}

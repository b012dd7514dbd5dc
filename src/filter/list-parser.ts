import { domainToASCII } from 'node:url';
import { writeAddress } from '../base/address-bytes.ts';
import { labelLengthMax, nameLengthMax } from '../dns/name.ts';
import type { RuleScope } from './name-table.ts';
import type { ActionScope, RuleEffect } from './rule-actions.ts';

/** Forms of lists; `auto` takes each line for what it looks like. */
export const listFormats = ['auto', 'hosts', 'domains', 'wildcard', 'adblock', 'rpz'] as const;
export type ListFormat = (typeof listFormats)[number];

/** Takes a list line by line. */
export interface LineParser {
  line(text: string): void;
}

/** Takes the names of a list as they are read. */
export interface RuleSink {
  /** `name` is scratch: in wire form and lower case, `length` octets. */
  rule(name: Uint8Array, scope: RuleScope, isException: boolean): void;
  /** What a rule does beside blocking; follows on the rule. */
  effect(name: Uint8Array, scope: ActionScope, effect: RuleEffect): void;
  /** A line that holds no rule that could be followed. */
  skipped(): void;
}

/** Names of the machine itself that hosts files carry along. */
const ownNames = new Set([
  'localhost',
  'localhost.localdomain',
  'local',
  'broadcasthost',
  'ip6-localhost',
  'ip6-loopback',
  'ip6-localnet',
  'ip6-mcastprefix',
  'ip6-allnodes',
  'ip6-allrouters',
  'ip6-allhosts',
  '0.0.0.0',
]);

/** Modifiers of an Adblock rule that change nothing for a resolver. */
const harmlessModifiers = new Set(['important', 'all', 'document', 'doc', 'popup', 'third-party']);
const hyphen = 0x2d;

/**
 * Reads lists line by line in the forms that people have: hosts (`0.0.0.0 name …`: these names),
 * a domain a line (that name), `*.name` and `.name` (it and all below), `||name^` (it and all
 * below) with `@@` for exceptions. Comments are `#` and `!`. Cosmetic rules, paths and regular
 * expressions are none of a resolver's and are counted as skipped.
 */
export class ListParser implements LineParser {
  readonly #format: ListFormat;
  readonly #sink: RuleSink;
  readonly #name = new Uint8Array(nameLengthMax);
  readonly #address = new Uint8Array(16);

  constructor(format: ListFormat, sink: RuleSink) {
    this.#format = format;
    this.#sink = sink;
  }

  line(text: string): void {
    const line = text.trim();
    if (line === '' || line.startsWith('#') || line.startsWith('!') || line.startsWith('[')) return;
    if (this.#isOf('adblock') && /^(?:@@)?\|/.test(line)) this.#adblock(line);
    else if (this.#format === 'adblock') this.#domain(line, 'exact', false);
    else this.#plain(line);
  }

  #isOf(format: ListFormat): boolean {
    return this.#format === 'auto' || this.#format === format;
  }

  /** Hosts, domains, wildcards: words up to a comment. */
  #plain(line: string): void {
    const [first = '', ...rest] = line.replace(/\s#.*$/, '').split(/\s+/);
    if (this.#isOf('hosts') && rest.length > 0 && writeAddress(first, this.#address) !== 0) {
      for (const name of rest) if (!ownNames.has(name)) this.#domain(name, 'exact', false);
    } else if (rest.length > 0 || this.#format === 'hosts') this.#sink.skipped();
    else if (first.startsWith('*.')) this.#domain(first.slice(2), 'both', false);
    else if (first.startsWith('.')) this.#domain(first.slice(1), 'both', false);
    else this.#domain(first, this.#format === 'wildcard' ? 'both' : 'exact', false);
  }

  /** `||name^`, `|name^`, with `@@` in front for an exception and `$modifiers` behind. */
  #adblock(line: string): void {
    const match = /^(@@)?(\|\|?)([^$/|*^]+)\^?\|?(?:\$(.*))?$/.exec(line);
    const modifiers = match?.[4]?.split(',') ?? [];
    if (match === null || !modifiers.every((modifier) => harmlessModifiers.has(modifier))) {
      this.#sink.skipped();
      return;
    }
    this.#domain(match[3] ?? '', match[2] === '||' ? 'both' : 'exact', match[1] !== undefined);
  }

  #domain(text: string, scope: RuleScope, isException: boolean): void {
    const length = this.#writeName(text);
    const isAddress = writeAddress(text, this.#address) !== 0;
    if (length === 0 || isAddress) this.#sink.skipped();
    else this.#sink.rule(this.#name.subarray(0, length), scope, isException);
  }

  /** @returns the octets of the name in wire form; 0 for text that is none */
  #writeName(text: string): number {
    const ascii = isAscii(text) ? text : domainToASCII(text);
    const end = ascii.endsWith('.') ? ascii.length - 1 : ascii.length;
    if (end === 0 || end > nameLengthMax - 2) return 0;
    const name = this.#name;
    let labelAt = 0;
    for (let index = 0; index < end; index++) {
      const code = ascii.charCodeAt(index);
      if (code === 0x2e) {
        if (!this.#closeLabel(labelAt, index + 1)) return 0;
        labelAt = index + 1;
      } else {
        const octet = nameOctet(code);
        if (octet === 0) return 0;
        name[index + 1] = octet;
      }
    }
    if (!this.#closeLabel(labelAt, end + 1)) return 0;
    name[end + 1] = 0;
    return end + 2;
  }

  #closeLabel(labelAt: number, end: number): boolean {
    const length = end - labelAt - 1;
    this.#name[labelAt] = length;
    return length > 0 && length <= labelLengthMax;
  }
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7e) return false;
  return true;
}

/** A letter in lower case, a digit, a hyphen or an underscore; 0 for what a list does not name. */
function nameOctet(code: number): number {
  if (code >= 0x61 && code <= 0x7a) return code;
  if (code >= 0x41 && code <= 0x5a) return code | 0x20;
  const isOther = (code >= 0x30 && code <= 0x39) || code === hyphen || code === 0x5f;
  return isOther ? code : 0;
}

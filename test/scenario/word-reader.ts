import { recordTypeNumber } from '../../src/dns/codes.ts';
import { ScriptError } from './script-error.ts';

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Takes the words of a line from the left; whatever is wrong names the file and the line. */
export class WordReader {
  readonly #file: string;
  readonly #line: number;
  readonly #words: readonly string[];
  #at = 0;

  constructor(at: { readonly file: string; readonly line: number }, words: readonly string[]) {
    this.#file = at.file;
    this.#line = at.line;
    this.#words = words;
  }

  /** The next word without taking it; undefined at the end. */
  get ahead(): string | undefined {
    return this.#words[this.#at];
  }

  fail(message: string): never {
    throw new ScriptError(this.#file, this.#line, message);
  }

  /** Takes the next word if it is this one. */
  accept(word: string): boolean {
    const isNext = this.ahead === word;
    if (isNext) this.#at++;
    return isNext;
  }

  take(what: string): string {
    const word = this.ahead;
    if (word === undefined) this.fail(`${what} is missing at the end of the line`);
    this.#at++;
    return word;
  }

  expect(word: string): void {
    const found = this.take(`"${word}"`);
    if (found !== word) this.fail(`found "${found}" where "${word}" is to stand`);
  }

  oneOf<Word extends string>(what: string, allowed: readonly Word[]): Word {
    const word = this.take(what);
    const found = allowed.find((one) => one === word);
    if (found === undefined) {
      this.fail(`found "${word}" where ${what} is to stand: ${allowed.join(', ')}`);
    }
    return found;
  }

  number(what: string): number {
    const word = this.take(what);
    if (!/^\d+$/.test(word)) this.fail(`found "${word}" where ${what}, a number, is to stand`);
    return Number(word);
  }

  /** For example `50ms`, `1.8s`, `2h`. */
  durationMs(): number {
    const word = this.take('a time');
    const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(word) ?? [];
    const unitMs = unitsMs[unit];
    if (unitMs === undefined) this.fail(`found "${word}" where a time such as 50ms is to stand`);
    return Number(amount) * unitMs;
  }

  /** A record type by name or as TYPE123. */
  type(): string {
    const word = this.take('a record type');
    if (recordTypeNumber(word) === undefined || /^\d+$/.test(word)) {
      this.fail(`found "${word}" where a record type is to stand`);
    }
    return word.toUpperCase();
  }

  /** All the rest. */
  rest(): string[] {
    const words = this.#words.slice(this.#at);
    this.#at = this.#words.length;
    return words;
  }

  end(): void {
    if (this.ahead !== undefined) this.fail(`"${this.ahead}" is more than is understood here`);
  }
}

import { MalformedRecord } from '../base/errors.ts';

/** A word of a record in presentation form; quoted text is one word, whatever is in it. */
export interface RecordWord {
  /** With its escapes, without its quotes. */
  readonly text: string;
  readonly isQuoted: boolean;
}

/** What ends a word outside of quotes, and what makes the simple way of splitting wrong. */
const special = /["\\();]/;

/**
 * The words of one line (RFC 1035 section 5.1): separated by blanks, quoted text in one, up to a
 * comment. Parentheses are words of their own.
 * @throws {MalformedRecord} when a quote is not closed
 */
export function splitWords(line: string): RecordWord[] {
  if (!special.test(line)) {
    const words = line.trim().split(/\s+/);
    return words.filter((text) => text !== '').map((text) => ({ text, isQuoted: false }));
  }
  const words: RecordWord[] = [];
  const pattern =
    /\s+|;.*$|([()])|"((?:[^"\\]|\\.)*)"|((?:[^\s"();\\]|\\.)+(?:"(?:[^"\\]|\\.)*")?)/gsy;
  while (pattern.lastIndex < line.length) {
    const [, parenthesis, quoted, plain] = pattern.exec(line) ?? [undefined, undefined, undefined];
    if (pattern.lastIndex === 0) throw new MalformedRecord(`a quote is not closed: ${line}`);
    const text = parenthesis ?? quoted ?? plain;
    if (text !== undefined) words.push({ text, isQuoted: quoted !== undefined });
  }
  return words;
}

/**
 * The octets of a word, its escapes resolved: `\X` is X, `\DDD` the octet of that number.
 * @throws {MalformedRecord}
 */
export function octetsOf(word: string): Buffer {
  if (!word.includes('\\')) return Buffer.from(word, 'utf8');
  const parts = word.split(/(\\\d{3}|\\[^\d])/);
  return Buffer.concat(
    parts.map((part) => {
      if (!part.startsWith('\\')) {
        if (part.includes('\\')) throw new MalformedRecord(`"${word}" has a bad escape`);
        return Buffer.from(part, 'utf8');
      }
      if (part.length === 2) return Buffer.from(part.slice(1), 'utf8');
      const octet = Number(part.slice(1));
      if (octet > 0xff) throw new MalformedRecord(`"${word}" has a bad escape`);
      return Buffer.from([octet]);
    }),
  );
}

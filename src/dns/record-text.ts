import { MalformedRecord } from '../base/errors.ts';
import { lowerName, parseName } from './name.ts';
import type { RdataPart } from './rdata.ts';
import { parseRdata, parseType } from './rdata-text.ts';
import type { RecordWord } from './record-words.ts';
import { splitWords } from './record-words.ts';

/** A record as it was written down. */
export interface WrittenRecord {
  /** In wire form and lower case. */
  readonly owner: Buffer;
  readonly type: number;
  /** Undefined where none is given. */
  readonly ttlSeconds: number | undefined;
  readonly rdata: readonly RdataPart[];
}

const secondsPerUnit: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};
/** RFC 2181 section 8. */
const ttlSecondsMax = 2 ** 31 - 1;

/** `300`, `5m`, `1h30m`; undefined for other text. */
export function parseTtl(text: string): number | undefined {
  if (!/^(?:\d+|(?:\d+[smhdw])+)$/i.test(text)) return undefined;
  const parts = text.toLowerCase().matchAll(/(\d+)([smhdw]?)/g);
  let seconds = 0;
  for (const [, digits, unit = ''] of parts)
    seconds += Number(digits) * (secondsPerUnit[unit] ?? 1);
  return seconds <= ttlSecondsMax ? seconds : undefined;
}

/** What stands between owner and data: TTL and class in any order, and the type. */
export function readTypeAndTtl(words: readonly RecordWord[]): {
  readonly type: number;
  readonly ttlSeconds: number | undefined;
  readonly rest: readonly RecordWord[];
} {
  let ttlSeconds: number | undefined;
  let at = 0;
  for (; at < words.length; at++) {
    const text = words[at]?.text ?? '';
    const seconds = parseTtl(text);
    if (seconds !== undefined) ttlSeconds = seconds;
    else if (text.toUpperCase() !== 'IN') break;
  }
  return { type: parseType(words[at]?.text ?? ''), ttlSeconds, rest: words.slice(at + 1) };
}

/**
 * A record in one line: `owner [TTL] [IN] type data`; names without a final dot are whole as well.
 * @throws {MalformedRecord} @throws {MalformedName}
 */
export function parseRecord(line: string): WrittenRecord {
  const [owner, ...words] = splitWords(line).filter(
    ({ text, isQuoted }) => isQuoted || (text !== '(' && text !== ')'),
  );
  if (owner === undefined) throw new MalformedRecord('a record is empty');
  const { type, ttlSeconds, rest } = readTypeAndTtl(words);
  return {
    owner: lowerName(parseName(owner.text)),
    type,
    ttlSeconds,
    rdata: parseRdata(type, rest),
  };
}

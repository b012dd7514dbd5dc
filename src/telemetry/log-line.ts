import { AssertionFailed, describeError, HeimdallError } from '../base/errors.ts';
import type { LogFields, LogLevel } from './log.ts';

/** A line before it has a form. */
export interface LogLine {
  /** Unix time in milliseconds. */
  readonly wallMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Names of fields whose values nobody may read in a log. */
const secretName = /token|secret|password|authorization|credential|cookie/i;
const hidden = '[redacted]';
/** A field is a few words; an object nested deeper than this is a mistake of ours. */
const depthMax = 4;
/** The longest text kept of one value, so that a line stays readable whatever a peer sent. */
const valueCharsMax = 2000;

/** A value as JSON can hold it, with secrets hidden, errors as their text, and bounded. */
function presentable(value: unknown, depth: number): unknown {
  if (value instanceof Error) return shorten(errorText(value));
  if (typeof value === 'string') return shorten(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= depthMax) return '[deep]';
  if (Array.isArray(value)) return value.map((item) => presentable(item, depth + 1));
  return presentableFields(value, depth + 1);
}

/** An error of ours says what is wrong; for a defect one needs to know where. */
function errorText(error: Error): string {
  const isDefect = !(error instanceof HeimdallError) || error instanceof AssertionFailed;
  return isDefect ? (error.stack ?? describeError(error)) : describeError(error);
}

function presentableFields(fields: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      secretName.test(name) ? hidden : presentable(value, depth),
    ]),
  );
}

function shorten(text: string): string {
  return text.length <= valueCharsMax ? text : `${text.slice(0, valueCharsMax)}…`;
}

/** One JSON object: time, level, message, then the fields, which cannot replace the first three. */
export function jsonLine(line: LogLine): string {
  const head = { time: timeOf(line), level: line.level, message: line.message };
  return JSON.stringify({ ...head, ...presentableFields(line.fields, 0), ...head });
}

const colors: Readonly<Record<LogLevel, string>> = {
  error: '\u001B[31m',
  warn: '\u001B[33m',
  info: '\u001B[32m',
  debug: '\u001B[90m',
};
const colorEnd = '\u001B[0m';
/** As wide as the longest level, so that messages stand in a column. */
const levelWidth = 5;

/** For eyes: time, level, message, then `name=value`; what could move the cursor is escaped. */
export function prettyLine(line: LogLine): string {
  const time = timeOf(line).slice(11, 23);
  const level = `${colors[line.level]}${line.level.padEnd(levelWidth)}${colorEnd}`;
  const fields = Object.entries(presentableFields(line.fields, 0)).map(
    ([name, value]) => ` ${name}=${prettyValue(value)}`,
  );
  return `${time} ${level} ${escapeControls(line.message)}${fields.join('')}`;
}

function prettyValue(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[\w.:/@[\]+-]+$/.test(value);
  return isPlain ? value : escapeControls(JSON.stringify(value) ?? String(value));
}

/** C0, DEL and C1 controls: escape sequences of a terminal begin with one. */
function escapeControls(text: string): string {
  return text.replaceAll(
    /\p{Cc}/gu,
    (control) => `\\x${(control.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`,
  );
}

function timeOf(line: LogLine): string {
  return new Date(line.wallMs).toISOString();
}

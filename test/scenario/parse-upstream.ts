import { responseCode } from '../../src/dns/codes.ts';
import type { Lines } from './script-lines.ts';
import { nameOf, readBlock, recordOf } from './script-records.ts';
import type { ScriptRecord } from './script-records.ts';
import { failures } from './statements.ts';
import type { Statement, UpstreamRule } from './statements.ts';
import { WordReader } from './word-reader.ts';

/** Words that end the data of a record on the line of the statement. */
const modifiers = new Set(['after', 'ad', 'truncated', 'ede', 'soa']);

/** `upstream SERVER answers|fails|recovers|delays …` */
export function parseUpstream(reader: WordReader, lines: Lines): Statement {
  const at = { file: lines.file, line: lines.line };
  const server = reader.take('the address of an upstream');
  const verb = reader.oneOf('what the upstream does', ['answers', 'fails', 'recovers', 'delays']);
  if (verb !== 'answers' && lines.block.length > 0) {
    reader.fail(`nothing may be indented below "${verb}"`);
  }
  switch (verb) {
    case 'answers':
      return { ...at, kind: 'upstream-answers', server, rule: parseRule(reader, lines) };
    case 'fails':
      return { ...at, kind: 'upstream-fails', server, failure: reader.oneOf('how', failures) };
    case 'recovers':
      return { ...at, kind: 'upstream-recovers', server };
    case 'delays':
      return { ...at, kind: 'upstream-delays', server, delayMs: reader.durationMs() };
  }
}

function parseRule(reader: WordReader, lines: Lines): UpstreamRule {
  const name = nameOf(reader.take('a name')).toLowerCase();
  const type = reader.accept('*') ? '*' : reader.type();
  const isNxdomain = reader.accept('NXDOMAIN');
  if (!isNxdomain) reader.accept('NODATA'); // says the same as no records, but says it
  const records: ScriptRecord[] = [];
  if (/^\d+$/.test(reader.ahead ?? '')) records.push(...readOwnRecords(reader, name, type));
  const rule = { delayMs: undefined as number | undefined, authenticData: false, truncated: false };
  const extendedErrors: number[] = [];
  while (reader.ahead !== undefined) {
    if (reader.accept('after')) rule.delayMs = reader.durationMs();
    else if (reader.accept('ad')) rule.authenticData = true;
    else if (reader.accept('truncated')) rule.truncated = true;
    else if (reader.accept('ede')) extendedErrors.push(reader.number('an extended error'));
    else if (reader.accept('soa')) records.push(readSoa(reader));
    else reader.fail(`"${reader.ahead}" is none of: ${[...modifiers].join(', ')}`);
  }
  records.push(
    ...readBlock(lines.block, (line) => new WordReader(linePlace(lines, line), line.words)),
  );
  const code = isNxdomain ? responseCode.NXDOMAIN : responseCode.NOERROR;
  return { name, type, code, records, extendedErrors, ...rule };
}

function linePlace(lines: Lines, { line }: { line: number }): { file: string; line: number } {
  return { file: lines.file, line };
}

/** `TTL DATA…`: records of the name and type asked for; each word is one where an address is due. */
function readOwnRecords(reader: WordReader, name: string, type: string): ScriptRecord[] {
  const ttlSeconds = reader.number('a TTL');
  const words: string[] = [];
  while (reader.ahead !== undefined && !modifiers.has(reader.ahead))
    words.push(reader.take('data'));
  if (name.startsWith('*') || type === '*') {
    reader.fail('records of a pattern stand below it, with their names');
  }
  const head = { name, type, ttlSeconds };
  const each = type === 'A' || type === 'AAAA' ? words.map((word) => [word]) : [words];
  return each.map((data) => ({ section: 'answer', record: recordOf(reader, head, data) }));
}

/** `soa ZONE TTL MINIMUM` */
function readSoa(reader: WordReader): ScriptRecord {
  const name = nameOf(reader.take('a zone'));
  const ttlSeconds = reader.number('the TTL of the SOA record');
  const minimum = reader.take('the MINIMUM of the SOA record');
  const head = { name, type: 'SOA', ttlSeconds };
  return { section: 'authority', record: recordOf(reader, head, ['minimum', minimum]) };
}

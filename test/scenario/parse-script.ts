import { parseExpectation } from './parse-expectation.ts';
import { parseUpstream } from './parse-upstream.ts';
import { readTimes } from './read-times.ts';
import { ScriptError } from './script-error.ts';
import { readLines } from './script-lines.ts';
import type { Lines } from './script-lines.ts';
import { nameOf } from './script-records.ts';
import type { AskedQuestion, Statement } from './statements.ts';
import { WordReader } from './word-reader.ts';

const kinds = ['config', 'upstream', 'ask', 'pass', 'wait', 'flush', 'expect'] as const;

/**
 * Reads a script; docs/scenarios.md describes the language.
 * @throws {ScriptError} with file and line
 */
export function parseScript(file: string, text: string): Statement[] {
  return readLines(file, text).map(parseStatement);
}

function parseStatement(lines: Lines): Statement {
  const reader = new WordReader(lines, lines.words);
  const kind = reader.oneOf('a statement', kinds);
  const [stray] = lines.block;
  const hasBlock = kind === 'config' || kind === 'upstream' || kind === 'expect';
  if (stray !== undefined && !hasBlock) {
    throw new ScriptError(lines.file, stray.line, `nothing may be indented below "${kind}"`);
  }
  const statement = parseKind(kind, reader, lines);
  reader.end();
  return statement;
}

function parseKind(kind: (typeof kinds)[number], reader: WordReader, lines: Lines): Statement {
  const at = { file: lines.file, line: lines.line };
  switch (kind) {
    case 'config':
      return { ...at, kind, yaml: lines.block.map(({ text }) => text).join('\n') };
    case 'upstream':
      return parseUpstream(reader, lines);
    case 'ask':
      return { ...at, ...parseAsk(reader) };
    case 'pass':
      return { ...at, kind, ms: reader.durationMs() };
    case 'wait':
      return { ...at, kind };
    case 'flush': {
      const what = reader.oneOf('what to flush', ['name', 'suffix', 'all']);
      const name = what === 'all' ? undefined : nameOf(reader.take('a name'));
      return { ...at, kind, what, name };
    }
    case 'expect':
      return parseExpectation(reader, lines);
  }
}

function parseAsk(reader: WordReader): {
  kind: 'ask';
  question: AskedQuestion;
  label: string | undefined;
  times: number;
} {
  const name = reader.take('a name');
  const type = reader.type();
  const options = { label: undefined as string | undefined, times: 1 };
  const question: { -readonly [K in keyof AskedQuestion]: AskedQuestion[K] } = {
    name,
    type,
    transport: 'udp',
    recursionDesired: true,
    checkingDisabled: false,
    authenticData: false,
    dnssecOk: false,
    ednsSize: 1232,
  };
  while (reader.ahead !== undefined) {
    if (reader.accept('as')) options.label = reader.take('a label');
    else if (/^\d+$/.test(reader.ahead)) options.times = readTimes(reader);
    else readAskOption(reader, question);
  }
  return { kind: 'ask', question, ...options };
}

function readAskOption(
  reader: WordReader,
  question: { -readonly [K in keyof AskedQuestion]: AskedQuestion[K] },
): void {
  const word = reader.take('an option');
  const size = /^edns=(\d+)$/.exec(word)?.[1];
  if (size !== undefined) question.ednsSize = Number(size);
  else if (word === 'noedns') question.ednsSize = undefined;
  else if (word === 'do') question.dnssecOk = true;
  else if (word === 'cd') question.checkingDisabled = true;
  else if (word === 'ad') question.authenticData = true;
  else if (word === 'tcp') question.transport = 'tcp';
  else if (word === 'rd=0') question.recursionDesired = false;
  else reader.fail(`"${word}" is none of: do, cd, ad, tcp, rd=0, edns=SIZE, noedns`);
}

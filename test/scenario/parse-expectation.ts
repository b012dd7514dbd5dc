import { readTimes } from './read-times.ts';
import type { Lines } from './script-lines.ts';
import { readBlock } from './script-records.ts';
import type { ExpectedResponse, Statement } from './statements.ts';
import { WordReader } from './word-reader.ts';

const codes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'BADVERS'];
const flags = ['aa', 'tc', 'ad', 'cd'];
const layers = ['hot', 'l1', 'stale', 'l2', 'upstream', 'local', 'admit', 'failure'];

/** `expect [LABEL] CODE …`, `expect [LABEL] nothing`, `expect upstream …` */
export function parseExpectation(reader: WordReader, lines: Lines): Statement {
  const at = { file: lines.file, line: lines.line };
  if (reader.accept('upstream')) return { ...at, ...parseUpstreamExpectation(reader) };
  const isLabel = reader.ahead !== 'nothing' && !codes.includes(reader.ahead ?? '');
  const label = isLabel ? reader.take('a response code') : undefined;
  if (reader.accept('nothing')) return { ...at, kind: 'expect-nothing', label };
  return { ...at, kind: 'expect-response', label, expected: parseResponse(reader, lines) };
}

function parseUpstreamExpectation(
  reader: WordReader,
): Pick<Statement & { kind: 'expect-count' }, 'kind' | 'expected'> | StateExpectation {
  const isAny = reader.ahead === 'asked' || reader.ahead === 'probed';
  const server = isAny ? undefined : reader.take('the address of an upstream');
  const what = reader.oneOf('what is expected', ['asked', 'probed', 'is']);
  if (what === 'is') {
    if (server === undefined) reader.fail('which upstream?');
    const states = ['unknown', 'up', 'down', 'loop'] as const;
    return { kind: 'expect-state', server, state: reader.oneOf('a state', states) };
  }
  const times = readTimes(reader);
  const forName = reader.accept('for') ? reader.take('a name').toLowerCase() : undefined;
  const isTyped = forName !== undefined && reader.ahead !== undefined && reader.ahead !== 'over';
  const type = isTyped ? reader.type() : undefined;
  const transport = reader.accept('over') ? reader.oneOf('a transport', ['udp', 'tcp']) : undefined;
  return {
    kind: 'expect-count',
    expected: { server, what, times, name: forName, type, transport },
  };
}

interface StateExpectation {
  readonly kind: 'expect-state';
  readonly server: string;
  readonly state: string;
}

function parseResponse(reader: WordReader, lines: Lines): ExpectedResponse {
  const code = reader.take('a response code');
  if (!codes.includes(code)) reader.fail(`found "${code}" where a response code is to stand`);
  const expected: { -readonly [K in keyof ExpectedResponse]: ExpectedResponse[K] } = {
    code,
    ttlSeconds: undefined,
    data: [],
    isEmpty: false,
    records: undefined,
    layer: undefined,
    extendedErrors: undefined,
    afterMs: undefined,
    flags: [],
    withoutFlags: [],
  };
  while (reader.ahead !== undefined) readDetail(reader, expected);
  if (lines.block.length > 0) {
    expected.records = readBlock(
      lines.block,
      (line) => new WordReader({ file: lines.file, line: line.line }, line.words),
    );
  }
  return expected;
}

type Expecting = { -readonly [K in keyof ExpectedResponse]: ExpectedResponse[K] };

function readDetail(reader: WordReader, expected: Expecting): void {
  const word = reader.take('a detail');
  const flag = word.replace(/^no-/, '');
  if (word === 'ttl') expected.ttlSeconds = reader.number('a TTL');
  else if (word === 'from') expected.layer = readLayer(reader);
  else if (word === 'ede') expected.extendedErrors = readCodes(reader);
  else if (word === 'after') expected.afterMs = reader.durationMs();
  else if (word === 'empty') expected.isEmpty = true;
  else if (!flags.includes(flag)) expected.data = [...expected.data, word.replaceAll('"', '')];
  else if (word === flag) expected.flags = [...expected.flags, flag];
  else expected.withoutFlags = [...expected.withoutFlags, flag];
}

/** `upstream@192.0.2.53` says which one. */
function readLayer(reader: WordReader): string {
  const layer = reader.take('a layer');
  if (!layers.includes(layer.replace(/@.*$/, ''))) {
    reader.fail(`found "${layer}" where a layer is to stand: ${layers.join(', ')}`);
  }
  return layer;
}

/** `ede 3`, `ede 22,13` */
function readCodes(reader: WordReader): number[] {
  const word = reader.take('extended errors');
  if (!/^\d+(,\d+)*$/.test(word)) reader.fail(`found "${word}" where extended errors are to stand`);
  return word.split(',').map(Number);
}

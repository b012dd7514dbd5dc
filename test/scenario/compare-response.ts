import { formatRecord, messageLines } from '../../src/dns/presentation.ts';
import type { DescribedMessage, DescribedRecord } from '../../src/dns/presentation.ts';
import type { Asked, Response } from './asking-client.ts';
import { describeScriptRecord } from './script-records.ts';
import type { Section } from './script-records.ts';
import type { AskedQuestion, ExpectedResponse } from './statements.ts';

type Arrived = Asked & { result: { kind: 'response' } };

/** In what a response differs from what is expected; empty when it does not. */
export function differences(asked: Arrived, expected: ExpectedResponse): string[] {
  const { response, atMs } = asked.result;
  const { message } = response;
  const afterMs = atMs - asked.askedAtMs;
  return [
    ...unless(message.responseCode === expected.code, `the code is ${message.responseCode}`),
    ...layerDifference(response, expected.layer),
    ...extendedErrorDifference(message, expected),
    ...ttlDifferences(message, expected.ttlSeconds),
    ...dataDifference(message, asked.question, expected),
    ...recordDifferences(message, expected),
    ...unless(
      expected.afterMs === undefined || expected.afterMs === afterMs,
      `it came after ${String(afterMs)}ms`,
    ),
    ...expected.flags.filter((flag) => !message.flags.includes(flag)).map((flag) => `no ${flag}`),
    ...expected.withoutFlags.filter((flag) => message.flags.includes(flag)),
  ];
}

function unless(holds: boolean, difference: string): string[] {
  return holds ? [] : [difference];
}

function layerDifference({ layer, message }: Response, expected: string | undefined): string[] {
  if (expected === undefined) return [];
  if (layer === undefined) {
    return [message.edns === undefined ? '"from" needs a question with EDNS' : 'it has no layer'];
  }
  const [name = '', detail = ''] = layer.split(' ');
  const [expectedName, expectedDetail] = expected.split('@');
  const isSame =
    name === expectedName &&
    (expectedDetail === undefined ||
      detail === expectedDetail ||
      detail === `${expectedDetail}:53`);
  return unless(isSame, `it came from ${layer}`);
}

/** Where nothing is said of them there must be none, but for failures, which have reasons. */
function extendedErrorDifference(message: DescribedMessage, expected: ExpectedResponse): string[] {
  const isFailure = expected.code !== 'NOERROR' && expected.code !== 'NXDOMAIN';
  if (expected.extendedErrors === undefined && isFailure) return [];
  const codes = message.extendedErrors.map(({ code }) => code);
  const wanted = expected.extendedErrors ?? [];
  const isSame = codes.length === wanted.length && wanted.every((code) => codes.includes(code));
  return unless(isSame, `the extended errors are: ${codes.join(',') || 'none'}`);
}

/** The TTL of every record of the answer, or of the authority where there is no answer. */
function ttlDifferences(message: DescribedMessage, ttlSeconds: number | undefined): string[] {
  if (ttlSeconds === undefined) return [];
  const records = message.answer.length > 0 ? message.answer : message.authority;
  if (records.length === 0) return ['there is no record to have a TTL'];
  const others = records.filter((record) => record.ttlSeconds !== ttlSeconds);
  return others.map(
    (record) => `the TTL of ${record.name} ${record.type} is ${String(record.ttlSeconds)}`,
  );
}

/** The data of the records of the type asked for, in any order. */
function dataDifference(
  message: DescribedMessage,
  question: AskedQuestion,
  { data, isEmpty }: ExpectedResponse,
): string[] {
  if (isEmpty) return unless(message.answer.length === 0, 'the answer section is not empty');
  if (data.length === 0) return [];
  const found = message.answer
    .filter(({ type }) => type === question.type)
    .map((record) => record.data.replace(/\.$/, '').replaceAll('"', ''));
  const isSame = found.toSorted().join() === data.toSorted().join();
  return unless(isSame, `the data is ${found.join(' ') || 'none'}`);
}

/** Section by section exactly the records written below the expectation, in their order. */
function recordDifferences(message: DescribedMessage, { records }: ExpectedResponse): string[] {
  if (records === undefined) return [];
  const line = (record: DescribedRecord): string => formatRecord(record).toLowerCase();
  return (['answer', 'authority', 'additional'] as const).flatMap((section: Section) => {
    const wanted = records.filter((one) => one.section === section).map(describeScriptRecord);
    const found = message[section];
    const isSame = wanted.map(line).join('\n') === found.map(line).join('\n');
    return unless(isSame, `the ${section} section is not: ${wanted.map(line).join(' | ')}`);
  });
}

/** What came, for the message of a failure. */
export function describeAsked(asked: Asked): string {
  const { result } = asked;
  if (result.kind !== 'response') return result.kind;
  const { message, layer } = result.response;
  const afterMs = result.atMs - asked.askedAtMs;
  return [
    `from ${layer ?? 'an unknown layer'} after ${String(afterMs)}ms`,
    ...messageLines(message),
  ].join('\n    ');
}

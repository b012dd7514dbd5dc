import type { Answer as PacketRecord } from 'dns-packet';
import { describe, expect, test } from '@jest/globals';
import { aliasesMax, followChain } from '../../src/dns/answer-chain.ts';
import { answerTo } from '../../src/dns/answer-to.ts';
import { formatName, parseName } from '../../src/dns/name.ts';
import { describeMessage } from '../../src/dns/presentation.ts';
import { readRecords } from '../../src/dns/records.ts';
import { soaRecord } from '../support/scripted-upstream.ts';
import { encodeResponse, questionOf, record, sanitized } from './response.ts';

function chainOf(answers: readonly PacketRecord[], type = 'A'): string[] | undefined {
  const message = encodeResponse({ name: 'a.example', type, answers });
  const records = readRecords(message);
  const question = questionOf({ name: 'a.example', type });
  const chain = followChain(message, records?.answer ?? [], question);
  return chain && [...chain.names.map(formatName), chain.answered ? 'answered' : 'open'];
}

const alias = (name: string, target: string): PacketRecord => record(name, 'CNAME', 60, target);
const address = (name: string): PacketRecord => record(name, 'A', 60, '192.0.2.1');

describe('the chain of aliases', () => {
  test.each<[string, PacketRecord[], string[]]>([
    ['no alias', [address('a.example')], ['a.example.', 'answered']],
    ['nothing', [], ['a.example.', 'open']],
    [
      'in order',
      [alias('a.example', 'b.example'), address('b.example')],
      ['a.example.', 'b.example.', 'answered'],
    ],
    [
      'out of order',
      [address('B.example'), alias('A.example', 'b.example')],
      ['a.example.', 'b.example.', 'answered'],
    ],
    ['without an end', [alias('a.example', 'b.example')], ['a.example.', 'b.example.', 'open']],
    [
      'an alias beside the answer: it is answered',
      [alias('a.example', 'b.example'), address('a.example')],
      ['a.example.', 'answered'],
    ],
    [
      'two aliases of one name: the first',
      [alias('a.example', 'b.example'), alias('a.example', 'c.example')],
      ['a.example.', 'b.example.', 'open'],
    ],
  ])('%s', (_what, answers, expected) => expect(chainOf(answers)).toEqual(expected));

  test('a question for CNAME is answered by it', () => {
    expect(chainOf([alias('a.example', 'b.example')], 'CNAME')).toEqual(['a.example.', 'answered']);
  });

  test.each([
    ['to itself', [alias('a.example', 'a.example')]],
    ['back to the beginning', [alias('a.example', 'b.example'), alias('b.example', 'A.EXAMPLE')]],
    [
      'in the middle',
      [
        alias('a.example', 'b.example'),
        alias('b.example', 'c.example'),
        alias('c.example', 'b.example'),
      ],
    ],
  ])('a loop %s has no end', (_what, answers) => expect(chainOf(answers)).toBeUndefined());

  test(`${String(aliasesMax)} aliases are followed, one more is not`, () => {
    const chain = (length: number): PacketRecord[] =>
      Array.from({ length }, (_, i) =>
        alias(i === 0 ? 'a.example' : `n${String(i)}.example`, `n${String(i + 1)}.example`),
      );
    expect(chainOf(chain(aliasesMax))).toHaveLength(aliasesMax + 2);
    expect(chainOf(chain(aliasesMax + 1))).toBeUndefined();
  });

  test('RFC 6672: the DNAME above an alias belongs to it, one elsewhere does not', () => {
    const message = encodeResponse({
      name: 'a.example',
      answers: [
        record('example', 'DNAME', 60, 'test'),
        record('else', 'DNAME', 60, 'test'),
        alias('a.example', 'a.test'),
        address('a.test'),
      ],
    });
    const records = readRecords(message)?.answer ?? [];
    const chain = followChain(message, records, questionOf({ name: 'a.example' }));
    expect(chain?.records.map(({ owner }) => formatName(owner))).toEqual([
      'example.',
      'a.example.',
      'a.test.',
    ]);
  });
});

test('RFC 8020: an NXDOMAIN told to a name below keeps its records, TTLs and code', () => {
  const negative = sanitized({ flags: 0x8183, authorities: [soaRecord('example.com', 300, 60)] });
  if (negative.kind !== 'answer') throw new Error('no answer');
  const question = { name: parseName('a.very.deep.www.example.com'), type: 28 };
  const told = answerTo(question, negative.answer);
  const { authority, responseCode, question: asked } = describeMessage(told.wire);
  expect(asked).toMatchObject({ name: 'a.very.deep.www.example.com.', type: 'AAAA' });
  expect(responseCode).toBe('NXDOMAIN');
  expect(authority).toEqual(describeMessage(negative.answer.wire).authority);
  expect(told).toMatchObject({ kind: 'nxdomain', ttlSeconds: 60 });
});

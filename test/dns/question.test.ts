import { describe, expect, test } from '@jest/globals';
import { parseName } from '../../src/dns/name.ts';
import { parseSubnet } from '../../src/dns/client-subnet.ts';
import {
  decodeKey,
  echoesQuestion,
  echoesQuestionFolded,
  encodeKey,
  formatQuestion,
  isKey,
  keyText,
  keyWithoutSubnet,
  readQuestion,
} from '../../src/dns/question.ts';

const name = parseName('www.example.com');
const plain = { dnssecOk: false, checkingDisabled: false };
const subnets = ['0.0.0.0/0', '198.51.0.0/16', '198.51.0.0/17', '::/16', '2001:db8:1200::/40'];

describe('the key of a question', () => {
  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('keeps name, type, DO %s and CD %s', (dnssecOk, checkingDisabled) => {
    const key = encodeKey({ name, type: 65_280 }, { dnssecOk, checkingDisabled });
    const { question, flags } = decodeKey(key);
    expect(question.name.equals(name)).toBe(true);
    expect(question.type).toBe(65_280);
    expect(flags).toEqual({ dnssecOk, checkingDisabled });
  });

  test('tells apart what differs in name, type or flags, and nothing else', () => {
    const keys = [
      encodeKey({ name, type: 1 }, plain),
      encodeKey({ name, type: 28 }, plain),
      encodeKey({ name, type: 1 }, { ...plain, dnssecOk: true }),
      encodeKey({ name, type: 1 }, { ...plain, checkingDisabled: true }),
      encodeKey({ name: parseName('www.example.net'), type: 1 }, plain),
      ...subnets.map((text) =>
        encodeKey({ name, type: 1 }, { ...plain, clientSubnet: parseSubnet(text) }),
      ),
    ].map(keyText);
    expect(new Set(keys).size).toBe(5 + subnets.length);
    expect(keyText(encodeKey({ name: Buffer.from(name), type: 1 }, plain))).toBe(keys[0]);
  });
});

describe('the key of a question on behalf of a subnet (RFC 7871)', () => {
  test.each(subnets)('keeps it, and can do without: %s', (text) => {
    const flags = { dnssecOk: true, checkingDisabled: false, clientSubnet: parseSubnet(text) };
    const key = encodeKey({ name, type: 28 }, flags);
    expect(isKey(key)).toBe(true);
    expect(decodeKey(key)).toEqual({ question: { name, type: 28 }, flags });
    const without = encodeKey({ name, type: 28 }, { dnssecOk: true, checkingDisabled: false });
    expect(keyWithoutSubnet(key)).toEqual(without);
    expect(keyWithoutSubnet(without)).toBeUndefined();
  });

  test('is none where its parts do not fit', () => {
    const key = encodeKey({ name, type: 1 }, { ...plain, clientSubnet: parseSubnet('10.0.0.0/8') });
    const bitsAt = key.length - 5;
    for (const bits of [0, 16, 255]) {
      const damaged = Buffer.from(key);
      damaged[bitsAt] = bits;
      expect(isKey(damaged)).toBe(false);
    }
  });
});

describe('reading a question', () => {
  const message = (hex: string): Buffer =>
    Buffer.concat([Buffer.alloc(12), Buffer.from(hex, 'hex')]);

  test('the name is folded (RFC 4343), type and end are told', () => {
    const read = readQuestion(message('0357575703434f4d00001c0001ff'), 12);
    expect(read?.question.name).toEqual(parseName('www.com'));
    expect(read?.question.type).toBe(28);
    expect(read?.end).toBe(25);
  });

  test.each([
    ['a pointer', 'c00c00010001'],
    ['a label that overruns', '3f61'],
    ['no type', '016100'],
    ['half a class', '016100000100'],
    ['nothing', ''],
  ])('%s is malformed', (_what, hex) => expect(readQuestion(message(hex), 12)).toBeUndefined());

  test('a name of 256 octets is malformed', () => {
    const label = `3f${'61'.repeat(63)}`;
    const rest = (length: number): string =>
      length.toString(16).padStart(2, '0') + '61'.repeat(length);
    const longest = message(`${label.repeat(3)}${rest(61)}0000010001`);
    const longer = message(`${label.repeat(3)}${rest(62)}0000010001`);
    expect(readQuestion(longest, 12)?.question.name).toHaveLength(255);
    expect(readQuestion(longer, 12)).toBeUndefined();
  });
});

describe('whether a response echoes the question (RFC 5452 9.1)', () => {
  const question = (text: string, type = 1): Buffer =>
    Buffer.concat([parseName(text), Buffer.from([0, type, 0, 1])]);
  const asked = question('wWw.Example');
  const response = (octets: Buffer): Buffer => Buffer.concat([Buffer.alloc(12), octets]);

  test.each([
    ['the same octets', question('wWw.Example'), true, true],
    ['another case', question('www.example'), false, true],
    ['another name', question('wWx.Example'), false, false],
    ['another type', question('wWw.Example', 28), false, false],
    ['a part of it', asked.subarray(0, 10), false, false],
  ])('%s', (_what, octets, exact, folded) => {
    expect(echoesQuestion(response(octets), asked)).toBe(exact);
    expect(echoesQuestionFolded(response(octets), asked)).toBe(folded);
  });

  test('the type does not fold: 65 is not 97', () => {
    expect(echoesQuestionFolded(response(question('a', 97)), question('a', 65))).toBe(false);
  });
});

test('a question in text', () => {
  expect(formatQuestion({ name, type: 28 })).toBe('www.example.com./AAAA');
  expect(formatQuestion({ name, type: 65_280 })).toBe('www.example.com./TYPE65280');
});

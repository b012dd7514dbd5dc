import { describe, expect, test } from '@jest/globals';
import { MalformedName } from '../../src/base/errors.ts';
import {
  expandName,
  firstLabel,
  formatName,
  isAtOrBelow,
  labelCount,
  lowerName,
  nameEnd,
  parentName,
  parseName,
  sameName,
} from '../../src/dns/name.ts';

const longLabel = 'x'.repeat(63);
/** 255 octets: three labels of 63, one of 61, and the root. */
const longest = `${longLabel}.${longLabel}.${longLabel}.${'y'.repeat(61)}`;

describe('a name in text (RFC 1035 5.1)', () => {
  test.each([
    ['.', '00'],
    ['a', '016100'],
    ['a.', '016100'],
    ['www.Example', '03777777074578616d706c6500'],
    ['a\\.b.c', '03612e62016300'],
    ['a\\\\b', '03615c6200'],
    ['\\000\\255', '0200ff00'],
    ['\\@', '014000'],
    ['ü', '02c3bc00'],
  ])('%s', (text, hex) => expect(parseName(text).toString('hex')).toBe(hex));

  test.each([
    ['', 'empty'],
    ['a..b', 'empty label'],
    ['.a', 'empty label'],
    ['..', 'empty label'],
    [`x${longLabel}`, 'more than 63 octets'],
    [`${longest}z`, 'more than 255 octets'],
    ['a\\', 'bad escape'],
    ['a\\25', 'bad escape'],
    ['a\\256', 'bad escape'],
  ])('%j is none', (text, reason) => {
    expect(() => parseName(text)).toThrow(MalformedName);
    expect(() => parseName(text)).toThrow(reason);
  });

  test('at most 255 octets, the root included (RFC 1035 2.3.4)', () => {
    expect(parseName(longest)).toHaveLength(255);
  });

  test.each(['.', 'www.example.com.', 'a\\.b.c.', '\\000\\032\\255.x.', 'a\\\\b.'])(
    '%s is written as it is read',
    (text) => expect(formatName(parseName(text))).toBe(text),
  );
});

describe('comparing names (RFC 4343)', () => {
  test.each([
    ['www.example.com', 'WWW.Example.COM', true],
    ['www.example.com', 'www.example.net', false],
    ['\\192', '\\224', false], // only A to Z fold
    ['a.b', 'a\\.b', false],
  ])('%s and %s: %s', (one, other, same) => {
    expect(sameName(parseName(one), parseName(other))).toBe(same);
    expect(lowerName(parseName(one)).equals(lowerName(parseName(other)))).toBe(same);
  });

  test.each([
    ['www.example.com', 'example.com', true],
    ['www.example.com', 'EXAMPLE.com', true],
    ['example.com', 'example.com', true],
    ['wwwexample.com', 'example.com', false],
    ['com', 'example.com', false],
    ['anything', '.', true],
    ['.', '.', true],
    ['a\\.example.com', 'example.com', false],
  ])('%s is at or below %s: %s', (name, ancestor, expected) => {
    expect(isAtOrBelow(parseName(name), parseName(ancestor))).toBe(expected);
  });
});

test('labels: how many, the first, and what is left without it', () => {
  const name = parseName('www.example.com');
  expect(labelCount(name)).toBe(3);
  expect(labelCount(parseName('.'))).toBe(0);
  expect(firstLabel(name).toString()).toBe('www');
  expect(firstLabel(parseName('.'))).toHaveLength(0);
  expect(formatName(parentName(name))).toBe('example.com.');
  expect(formatName(parentName(parseName('.')))).toBe('.');
});

describe('names in a message (RFC 1035 4.1.4)', () => {
  const header = Buffer.alloc(12);
  const message = (hex: string): Buffer => Buffer.concat([header, Buffer.from(hex, 'hex')]);
  const expand = (octets: Buffer, offset: number): string | undefined => {
    const out = Buffer.alloc(256);
    const length = expandName(octets, offset, octets.length, out);
    return length < 0 ? undefined : formatName(out.subarray(0, length));
  };

  test('a pointer is followed backwards, keeping the case', () => {
    const octets = message('03777777034e657400016dc010');
    expect(expand(octets, 12)).toBe('www.Net.');
    expect(expand(octets, 21)).toBe('m.Net.');
    expect(nameEnd(octets, 21, octets.length)).toBe(25);
  });

  test.each([
    ['a pointer to itself', 'c00c'],
    ['a pointer forward', '0161c0100162'],
    ['a pointer into the header', 'c000'],
    ['half a pointer', 'c0'],
    ['no end', '0161'],
    ['a label that overruns', '0561'],
    ['a label of a reserved kind (RFC 6891 5)', '4100'],
    ['nothing', ''],
  ])('%s is malformed', (_what, hex) => expect(expand(message(hex), 12)).toBeUndefined());

  test('two pointers that lead to each other are malformed', () => {
    const octets = message('c00ec00c');
    expect(expand(octets, 12)).toBeUndefined();
    expect(expand(octets, 14)).toBeUndefined();
  });

  test('a name that grows beyond 255 octets by its pointer is malformed', () => {
    const octets = Buffer.concat([header, parseName(longest), Buffer.from([1, 0x61, 0xc0, 12])]);
    expect(expand(octets, 12)).toBeDefined();
    expect(expand(octets, 12 + 255)).toBeUndefined();
  });

  test('pointers that only keep the reader busy are malformed: 127 are followed, 128 are not', () => {
    const pointers = Array.from({ length: 128 }, (_, index) => {
      const target = index === 0 ? 12 : 13 + 2 * (index - 1);
      return Buffer.from([0xc0 | (target >>> 8), target & 0xff]);
    });
    const octets = Buffer.concat([header, Buffer.from([0]), ...pointers]);
    expect(expand(octets, 13 + 2 * 126)).toBe('.');
    expect(expand(octets, 13 + 2 * 127)).toBeUndefined();
  });
});

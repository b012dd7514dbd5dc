import { describe, expect, test } from '@jest/globals';
import { parseSubnet } from '../../src/dns/client-subnet.ts';
import { parseName } from '../../src/dns/name.ts';
import { encodeKey } from '../../src/dns/question.ts';
import { gridKey, nameInGridKey, parseGridKey, nxdomainGridKey } from '../../src/grid/grid-key.ts';

function keyOf(name: string, type: number, dnssecOk = false, checkingDisabled = false): Buffer {
  return encodeKey({ name: parseName(name), type }, { dnssecOk, checkingDisabled });
}

describe('keys of the grid', () => {
  test.each([
    ['www.example.com', 28, false, false, 'www.example.com./AAAA/IN'],
    ['www.example.com', 65_280, true, false, 'www.example.com./TYPE65280/IN+do'],
    ['.', 2, false, true, './NS/IN+cd'],
    ['a\\.b\\/c.example', 1, true, true, 'a\\.b/c.example./A/IN+do+cd'],
  ] as const)(
    '%s type %i can be read by a person',
    (...[name, type, dnssecOk, disabled, expected]) => {
      const key = keyOf(name, type, dnssecOk, disabled);
      expect(gridKey(key)).toBe(expected);
      expect(parseGridKey(expected)).toEqual(key);
      expect(parseName(nameInGridKey(expected))).toEqual(parseName(name));
    },
  );

  test.each([
    ['198.51.100.0/24', 'www.example./A/IN+do+net=198.51.100.0-24'],
    ['2001:db8:1200::/40', 'www.example./A/IN+do+net=2001:db8:1200::-40'],
    ['0.0.0.0/0', 'www.example./A/IN+do+net=0.0.0.0-0'],
  ])('a question on behalf of %s can be read too', (subnet, expected) => {
    const flags = { dnssecOk: true, checkingDisabled: false, clientSubnet: parseSubnet(subnet) };
    const key = encodeKey({ name: parseName('www.example'), type: 1 }, flags);
    expect(gridKey(key)).toBe(expected);
    expect(parseGridKey(expected)).toEqual(key);
    expect(nameInGridKey(expected)).toBe('www.example.');
  });

  test('an NXDOMAIN lies under its name for all types', () => {
    expect(nxdomainGridKey(keyOf('gone.example', 1, true))).toBe('gone.example./*/IN+do');
    expect(parseGridKey('gone.example./*/IN+do')).toEqual(keyOf('gone.example', 0, true));
  });

  test.each([
    '',
    'x',
    'a./A',
    'a./A/CH',
    'a..b./A/IN',
    'a./NOSUCH/IN',
    'a./A/IN+xx',
    'a./A/IN+net=1.2.3.4-8',
    'a./A/IN+net=-',
  ])('"%s" is none of ours', (text) => {
    expect(parseGridKey(text)).toBeUndefined();
  });
});

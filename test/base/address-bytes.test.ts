import { isIP } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isMappedIPv4, writeAddress } from '../../src/base/address-bytes.ts';

function octetsOf(text: string): number[] {
  const out = new Uint8Array(16);
  return [...out.subarray(0, writeAddress(text, out))];
}

describe('the octets of an address', () => {
  test.each([
    ['127.0.0.1', [127, 0, 0, 1]],
    ['255.255.255.255', [255, 255, 255, 255]],
    ['::1', [...Array<number>(15).fill(0), 1]],
    ['::', Array<number>(16).fill(0)],
    ['2001:db8::', [0x20, 1, 0x0d, 0xb8, ...Array<number>(12).fill(0)]],
    ['fe80::1%eth0', [0xfe, 0x80, ...Array<number>(13).fill(0), 1]],
    ['::ffff:10.1.2.3', [...Array<number>(10).fill(0), 255, 255, 10, 1, 2, 3]],
    ['1:2:3:4:5:6:7:8', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
  ])('%s', (text, octets) => {
    expect(octetsOf(text)).toEqual(octets);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1..2.3',
    '1.2.3.',
    'a.b.c.d',
    ':',
    '1:2',
    'host',
  ])('text that is no address has none: "%s"', (text) => {
    expect(octetsOf(text)).toEqual([]);
  });

  test('every IPv6 address in text gives the octets that it was written from', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const url = new URL(`http://[${text}]/`).hostname.slice(1, -1); // the shortest form
        expect(octetsOf(text)).toEqual(octetsOf(url));
        expect(octetsOf(text)).toHaveLength(16);
      }),
    );
  });

  test('whatever is no address for the system is none here', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(octetsOf(text)).toHaveLength({ 0: 0, 4: 4, 6: 16 }[isIP(text)] ?? -1);
      }),
    );
  });

  test('an IPv4 client seen through an IPv6 socket is told from the others', () => {
    const mapped = Uint8Array.from(octetsOf('::ffff:10.1.2.3'));
    expect(isMappedIPv4(mapped, 0)).toBe(true);
    expect(isMappedIPv4(Uint8Array.from(octetsOf('::1')), 0)).toBe(false);
    expect(isMappedIPv4(Uint8Array.from(octetsOf('1::ffff:10.1.2.3')), 0)).toBe(false);
  });
});

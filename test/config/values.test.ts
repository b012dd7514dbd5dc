import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MalformedAddress } from '../../src/base/errors.ts';
import { formatServer, parseServer } from '../../src/base/server-address.ts';
import { parseHttpAddress } from '../../src/config/addresses.ts';
import { editDistance, nearest } from '../../src/config/nearest.ts';
import { formatSize, parseSize } from '../../src/config/values.ts';

describe('sizes', () => {
  test.each([
    ['64MiB', 64 * 1024 ** 2],
    ['1.5 GiB', 1.5 * 1024 ** 3],
    ['512B', 512],
    ['4KiB', 4096],
    ['64', undefined],
    ['64MB', undefined],
    ['-1MiB', undefined],
    ['MiB', undefined],
  ])('%s is %s bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test('what is formatted reads as the same number', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        expect(parseSize(formatSize(bytes))).toBe(bytes);
      }),
    );
  });
});

describe('upstream addresses', () => {
  test.each([
    ['1.1.1.1', { transport: 'udp', host: '1.1.1.1', port: 53 }, '1.1.1.1:53'],
    ['1.1.1.1:5353', { transport: 'udp', host: '1.1.1.1', port: 5353 }, '1.1.1.1:5353'],
    [
      '[2606:4700::1]:53',
      { transport: 'udp', host: '2606:4700::1', port: 53 },
      '[2606:4700::1]:53',
    ],
    ['2606:4700::1', { transport: 'udp', host: '2606:4700::1', port: 53 }, '[2606:4700::1]:53'],
    ['dns.example:53', { transport: 'udp', host: 'dns.example', port: 53 }, 'dns.example:53'],
    ['udp://dns.example', { transport: 'udp', host: 'dns.example', port: 53 }, 'dns.example:53'],
    ['tcp://1.1.1.1', { transport: 'tcp', host: '1.1.1.1', port: 53 }, 'tcp://1.1.1.1:53'],
  ])('%s', (text, expected, canonical) => {
    const upstream = parseServer(text);
    expect(upstream).toEqual(expected);
    expect(formatServer(upstream)).toBe(canonical);
    expect(parseServer(canonical)).toEqual(upstream);
  });

  test.each(['', 'x://1.1.1.1', '1.1.1.1:0', '1.1.1.1:65536', 'a b', '[1.1.1.1]:53', 'tcp://'])(
    '%j is refused',
    (text) => {
      expect(() => parseServer(text)).toThrow(MalformedAddress);
    },
  );

  test('off is no HTTP address', () => {
    expect(parseHttpAddress('off')).toBeUndefined();
  });
});

describe('the nearest word', () => {
  test.each([
    ['', 'abc', 3],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['same', 'same', 0],
  ])('%j and %j are %i edits apart', (left, right, distance) => {
    expect(editDistance(left, right)).toBe(distance);
  });

  test('is found whatever its case, and none when all are far', () => {
    expect(nearest('MAXBYTES', ['maxByte', 'maxBytes'])).toBe('maxBytes');
    expect(nearest('zzzzzz', ['maxBytes'])).toBeUndefined();
    expect(nearest('a'.repeat(1000), ['a'.repeat(1000)])).toBeUndefined();
  });
});

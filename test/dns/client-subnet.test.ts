import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  encodeClientSubnet,
  formatSubnet,
  isClientSubnetValid,
  isForOtherSubnet,
  parseSubnet,
  readClientSubnet,
  shortenSubnet,
  withScope,
} from '../../src/dns/client-subnet.ts';
import { encodeOpt } from '../../src/dns/edns.ts';
import type { EdnsOption } from '../../src/dns/edns.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const limits = { ipv4Bits: 24, ipv6Bits: 56 };

function subnet(text: string) {
  const read = readClientSubnet(hex(text));
  if (read === undefined) throw new Error(`${text} is no subnet`);
  return read;
}

/** A response for the root without records but an OPT record with these options. */
function response(...options: readonly EdnsOption[]): Buffer {
  const opt = encodeOpt({ udpSize: 1232, extendedCode: 0, version: 0, dnssecOk: false, options });
  return Buffer.concat([hex('0000 8180 0001 0000 0000 0001 00 0001 0001'), opt]);
}

describe('the option of a query (RFC 7871 section 6)', () => {
  test.each([
    ['0001 18 00 c00002', true],
    ['0001 00 00', true],
    ['0000 00 00', true], // as dig sends it to forbid
    ['0002 20 00 20010db8', true],
    ['0001 20 00 c0000201', true],
    ['0001 17 00 c00002', true],
    ['0001 17 00 c00003', false], // a bit behind the prefix
    ['0001 21 00 c000020100', false], // more bits than an IPv4 address has
    ['0001 18 18 c00002', false], // a scope in a query
    ['0001 18 00 c0', false],
    ['0001 18 00 c0000201', false],
    ['0000 08 00 c0', false], // bits of an address without a family
    ['0003 00 00', false], // an unknown family
    ['0001', false],
    ['', false],
  ])('%s: %s', (text, valid) => expect(isClientSubnetValid(hex(text))).toBe(valid));

  test('is either refused, or written back as it was read', () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 24 }),
      fc
        .tuple(fc.constantFrom(1, 2), fc.nat(130), fc.uint8Array({ maxLength: 17 }))
        .map(([family, bits, address]) => Uint8Array.of(0, family, bits, 0, ...address)),
    );
    fc.assert(
      fc.property(octets, (data) => {
        const read = readClientSubnet(Buffer.from(data));
        if (read === undefined || read.scopeBits > 0) return;
        expect(encodeClientSubnet(read).data.toString('hex')).toBe(
          Buffer.from(data).toString('hex'),
        );
      }),
    );
  });
});

test.each(['0.0.0.0/0', '198.51.100.0/24', '192.0.2.128/25', '2001:db8:1200::/40', '::/12'])(
  '%s is the same as text and back',
  (text) => {
    expect(formatSubnet(parseSubnet(text))).toBe(text);
  },
);

describe('what upstreams are told', () => {
  test.each([
    ['0001 20 00 c63364ff', '0001 18 00 c63364'], // shortened
    ['0001 10 00 c633', '0001 10 00 c633'], // shorter already
    ['0002 80 00 20010db8123456789abcdef012345678', '0002 38 00 20010db8123456'],
    ['0002 00 00', '0001 00 00'], // whoever forbids has no family
    ['0000 00 00', '0001 00 00'],
  ])('of %s: %s', (told, forwarded) => {
    const { data } = encodeClientSubnet(shortenSubnet(subnet(told), limits));
    expect(data.toString('hex')).toBe(hex(forwarded).toString('hex'));
  });

  test('has no bits behind a prefix that ends within an octet', () => {
    const { data } = encodeClientSubnet(
      shortenSubnet(subnet('0001 20 00 ffffffff'), { ...limits, ipv4Bits: 20 }),
    );
    expect(data.toString('hex')).toBe('00011400fffff0');
  });
});

describe('a response (RFC 7871 section 7.3)', () => {
  const asked = subnet('0001 18 00 c63364');
  const option = (text: string): EdnsOption => ({ code: 8, data: hex(text) });

  test.each([
    ['0001 18 18 c63364', false],
    ['0001 18 00 c63364', false],
    ['0001 18 20 c63364', false], // it would have liked to know more
    ['0001 18 18 c63365', true],
    ['0001 10 10 c633', true],
    ['0002 18 18 c63364', true],
    ['0001 18 18', true], // cannot be read
  ])('with %s is for another subnet: %s', (text, isOther) => {
    expect(isForOtherSubnet(response(option(text)), asked)).toBe(isOther);
  });

  test('without the option is for everybody', () => {
    expect(isForOtherSubnet(response(), asked)).toBe(false);
  });

  test('to a question that forbids may name whatever family', () => {
    const forbidden = shortenSubnet(subnet('0002 00 00'), limits);
    expect(isForOtherSubnet(response(option('0000 00 00')), forbidden)).toBe(false);
    expect(isForOtherSubnet(response(option('0001 18 18 c63364')), forbidden)).toBe(true);
  });

  test('to a client has its option back with the scope, bounded by the family', () => {
    expect(withScope(option('0001 20 00 c63364ff'), 24).data.toString('hex')).toBe(
      '00012018c63364ff',
    );
    expect(withScope(option('0000 00 00'), 24).data.toString('hex')).toBe('00000000');
  });
});

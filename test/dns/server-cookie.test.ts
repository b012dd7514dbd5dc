import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { writeAddress } from '../../src/base/address-bytes.ts';
import { sipHash24, sipHashKey } from '../../src/base/sip-hash.ts';
import { ednsOption } from '../../src/dns/codes.ts';
import { findOption } from '../../src/dns/plain-opt.ts';
import {
  cookieState,
  isCookieLength,
  judgeCookie,
  signCookie,
} from '../../src/dns/server-cookie.ts';
import type { ClientOctets } from '../../src/dns/server-cookie.ts';
import { encodeQuery } from '../support/messages.ts';

const secret = 'e5e973e5a6b2a43f48e7dc849e37bfcf';

function octetsOf(address: string): ClientOctets {
  const bytes = new Uint8Array(20);
  const length = writeAddress(address, bytes);
  bytes.copyWithin(4, 0, length); // anywhere in the packet's memory
  return { bytes, at: 4, length };
}

function signed(clientCookie: string, address: string, nowSeconds: number, key = secret): string {
  const option = Buffer.alloc(24);
  option.write(clientCookie, 'hex');
  signCookie(sipHashKey(Buffer.from(key, 'hex')), option, 0, octetsOf(address), nowSeconds);
  return option.toString('hex', 8);
}

function judged(cookie: string, address: string, nowSeconds: number, keys = [secret]): string {
  const option = Buffer.from(cookie, 'hex');
  const parsed = keys.map((key) => sipHashKey(Buffer.from(key, 'hex')));
  const state = judgeCookie(parsed, option, 0, option.length, octetsOf(address), nowSeconds);
  return Object.entries(cookieState).find(([, value]) => value === state)?.[0] ?? '';
}

describe('SipHash-2-4', () => {
  test.each([
    [0, '310e0edd47db6f72'],
    [1, 'fd67dc93c539f874'],
    [7, '37d1018bf50002ab'],
    [8, '6224939a79f5f593'],
    [15, 'e545be4961ca29a1'],
  ])('%i octets, as in the vectors of its authors', (length, expected) => {
    const counting = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
    const out = Buffer.alloc(8);
    sipHash24(sipHashKey(counting), counting, length, out, 0);
    expect(out.toString('hex')).toBe(expected);
  });
});

describe('server cookies as other servers make them (RFC 9018 appendix A)', () => {
  test('A.1: a new one', () => {
    const now = 0x5cf7_9f11;
    const cookie = signed('2464c4abcf10c957', '198.51.100.100', now);
    expect(cookie).toBe('010000005cf79f111f8130c3eee29480');
  });

  test('A.2: the same client comes back later, and is given a new one', () => {
    const now = 0x5cf7_a871;
    const shown = '2464c4abcf10c957010000005cf79f111f8130c3eee29480';
    expect(judged(shown, '198.51.100.100', now)).toBe('ageing');
    const cookie = signed('2464c4abcf10c957', '198.51.100.100', now);
    expect(cookie).toBe('010000005cf7a871d4a564a1442aca77');
  });

  test('A.3: reserved bits that another server set are hashed as they are', () => {
    const shown = 'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5';
    expect(judged(shown, '203.0.113.203', 0x5cf7_8f71)).toBe('valid');
  });

  test('A.4: IPv6, with a secret that is on its way out', () => {
    const address = '2001:db8:220:1:59de:d0f4:8769:82b8';
    const old = 'dd3bdf9344b678b185a6f5cb60fca715';
    const active = '445536bcd2513298075a5d379663c962';
    const shown = '22681ab97d52c298010000005cf7c57926556bd0934c72f8';
    const now = 0x5cf7_c5c9;
    expect(judged(shown, address, now, [active, old])).toBe('valid');
    expect(judged(shown, address, now, [active])).toBe('invalid');
    const cookie = signed('22681ab97d52c298', address, 0x5cf7_c609, active);
    expect(cookie).toBe('010000005cf7c609a6bb79d16625507a');
  });
});

describe('what a cookie is worth', () => {
  const client = '2464c4abcf10c957';
  const now = 1_700_000_000;
  const own = client + signed(client, '192.0.2.1', now);

  test.each([
    [0, 'valid'],
    [1800, 'valid'],
    [1801, 'ageing'],
    [3600, 'ageing'],
    [3601, 'invalid'],
    [-300, 'valid'],
    [-301, 'invalid'],
  ])('RFC 9018 4.3: %i seconds later: %s', (later, expected) => {
    expect(judged(own, '192.0.2.1', now + later)).toBe(expected);
  });

  test('it is worth nothing from another address, but the same in IPv6 form', () => {
    expect(judged(own, '192.0.2.2', now)).toBe('invalid');
    expect(judged(own, '::ffff:192.0.2.1', now)).toBe('valid');
  });

  test('time may wrap around (RFC 1982)', () => {
    const late = client + signed(client, '192.0.2.1', 0xffff_fff0);
    expect(judged(late, '192.0.2.1', 16)).toBe('valid');
  });

  test('a client cookie alone asks for one; other lengths and versions are not ours', () => {
    expect(judged(client, '192.0.2.1', now)).toBe('clientOnly');
    expect(judged(`${client}0102030405060708`, '192.0.2.1', now)).toBe('invalid');
    expect(judged(own.replace(client + '01', client + '02'), '192.0.2.1', now)).toBe('invalid');
  });

  test('RFC 7873 5.2.2: 8 octets, or 16 to 40', () => {
    const lengths = Array.from({ length: 64 }, (_, length) => length).filter(isCookieLength);
    expect(lengths).toEqual([8, ...Array.from({ length: 25 }, (_, index) => 16 + index)]);
  });

  test('no bit of it can be changed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 191 }), (bit) => {
        const changed = Buffer.from(own, 'hex');
        changed[bit >> 3] = changed.readUInt8(bit >> 3) ^ (1 << (bit & 7));
        expect(judged(changed.toString('hex'), '192.0.2.1', now)).toBe('invalid');
      }),
    );
  });
});

describe('an option in a query as clients send it', () => {
  const options = [{ code: 3 }, { code: 10, data: '8 octets' }];
  const query = encodeQuery({ name: 'www.example', edns: { options } });

  test('is found where it stands', () => {
    const place = findOption(query, ednsOption.COOKIE);
    expect(query.toString('latin1', place?.at).slice(0, place?.length)).toBe('8 octets');
    expect(findOption(query, ednsOption.PADDING)).toBeUndefined();
    expect(findOption(encodeQuery({ name: 'www.example' }), 10)).toBeUndefined();
  });

  test('whatever the octets are, what is found lies within them', () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.tuple(fc.nat(query.length - 1), fc.nat(255)).map(([at, value]) => {
        const damaged = Buffer.from(query);
        damaged[at] = value;
        return damaged.subarray(0, query.length - (value % 5));
      }),
    );
    fc.assert(
      fc.property(octets, (message) => {
        const place = findOption(message, 10);
        const end = place === undefined ? 0 : place.at + place.length;
        expect(end).toBeLessThanOrEqual(message.length);
      }),
    );
  });
});

import type dnsPacket from 'dns-packet';
import { describe, expect, test } from '@jest/globals';
import { MalformedMessage } from '../../src/base/errors.ts';
import { sanitizeResponse } from '../../src/dns/sanitize.ts';
import { soaRecord } from '../support/scripted-upstream.ts';
import { decoded, encodeResponse, noLimits, questionOf, record, sanitized } from './response.ts';
import type { ResponseParts } from './response.ts';

const address = record('www.example.com', 'A', 300, '192.0.2.1');
const opt = (options: readonly unknown[], extendedCode = 0): dnsPacket.Answer =>
  ({
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1232,
    extendedRcode: extendedCode,
    flags: 0,
    options,
  }) as never;

describe('records pass as they came', () => {
  const exchange = 'mail.example.com';
  test.each([
    ['A', '192.0.2.1'],
    ['AAAA', '2001:db8::1'],
    ['CNAME', exchange],
    ['NS', exchange],
    ['PTR', exchange],
    ['DNAME', exchange],
    ['MX', { preference: 10, exchange }],
    ['SRV', { priority: 1, weight: 2, port: 3, target: exchange }],
    ['RP', { mbox: exchange, txt: 'txt.example.com' }],
    [
      'NAPTR',
      {
        order: 1,
        preference: 2,
        flags: 's',
        services: 'SIP+D2U',
        regexp: '',
        replacement: exchange,
      },
    ],
    ['HINFO', { cpu: 'a', os: 'b' }],
    ['CAA', { flags: 0, tag: 'issue', value: 'ca.example' }],
    ['TLSA', { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32, 7) }],
    ['DS', { keyTag: 1, algorithm: 8, digestType: 2, digest: Buffer.alloc(32, 7) }],
    ['SOA', soaRecord('www.example.com').data],
  ])('%s', (type, data) => {
    const sent = record('www.example.com', type, 300, data);
    const { answers = [] } = decoded(sanitized({ type, answers: [sent] }));
    expect(answers).toMatchObject([{ name: 'www.example.com', type, ttl: 300, data }]);
  });

  test('RFC 3597 3: an unknown type passes octet by octet, what looks like a pointer included', () => {
    const data = Buffer.from('c00cc0ff00ff', 'hex');
    const parts = {
      type: 'UNKNOWN_65280',
      answers: [record('www.example.com', 'UNKNOWN_65280', 60, data)],
    };
    expect(decoded(sanitized(parts)).answers).toMatchObject([{ type: 'UNKNOWN_65280', data }]);
  });

  test('names are compressed: twenty hosts share their zone', () => {
    const answers = Array.from({ length: 20 }, (_, index) => {
      return record(
        'www.example.com',
        'NS',
        60,
        `ns${String(index)}.a-long-name-of-a-zone.example.net`,
      );
    });
    const parts = { type: 'NS', answers };
    const result = sanitized(parts);
    expect(decoded(result).answers).toMatchObject(answers);
    const length = result.kind === 'answer' ? result.answer.wire.length : 0;
    expect(length).toBeLessThan(encodeResponse(parts).length / 2);
  });

  test('names in the data of newer types are written in full (RFC 3597 4)', () => {
    const target = { priority: 1, weight: 2, port: 3, target: 'www.example.com' };
    const result = sanitized({
      type: 'SRV',
      answers: [record('www.example.com', 'SRV', 60, target)],
    });
    if (result.kind !== 'answer') throw new Error('no answer');
    expect(result.answer.wire.includes('\u0003www\u0007example\u0003com\u0000', -20)).toBe(true);
  });
});

describe('TTLs', () => {
  const ttls = (parts: ResponseParts, ttl: Partial<typeof noLimits>): unknown => {
    const result = sanitized(parts, { ttl: { ...noLimits, ...ttl } });
    if (result.kind !== 'answer') throw new Error('no answer');
    const { answers = [], authorities = [] } = decoded(result);
    const each = [...answers, ...authorities].map((one) => ('ttl' in one ? one.ttl : undefined));
    return [...each, result.answer.ttlSeconds];
  };
  const two = [
    record('www.example.com', 'A', 300, '192.0.2.1'),
    record('WWW.example.com', 'A', 100, '192.0.2.2'),
  ];
  const aliased = [
    record('www.example.com', 'CNAME', 50, 'b.example.com'),
    record('b.example.com', 'A', 300, '192.0.2.1'),
  ];
  const negative = { authorities: [soaRecord('example.com', 300, 60)], flags: 0x8183 };

  test.each<[string, ResponseParts, Partial<typeof noLimits>, number[]]>([
    ['RFC 2181 5.2: an RRset has one, the lowest', { answers: two }, {}, [100, 100, 100]],
    ['each RRset its own, the answer the lowest', { answers: aliased }, {}, [50, 300, 50]],
    ['capped', { answers: aliased }, { ttlMaxSeconds: 60 }, [50, 60, 50]],
    ['raised', { answers: aliased }, { ttlMinSeconds: 70 }, [70, 300, 70]],
    ['RFC 2308 5: SOA minimum', negative, {}, [60, 60]],
    ['a negative cap', negative, { negativeTtlMaxSeconds: 10 }, [10, 10]],
    ['a negative minimum', negative, { ttlMinSeconds: 90 }, [90, 90]],
  ])('%s', (_what, parts, limits, expected) => {
    expect(ttls(parts, limits)).toEqual(expected);
  });

  test('a TTL of 0 stays 0, whatever the minimum', () => {
    const answers = [record('www.example.com', 'A', 0, '192.0.2.1')];
    expect(ttls({ answers }, { ttlMinSeconds: 60 })).toEqual([0, 0]);
  });

  test('RFC 8767 4: a TTL with the highest bit set is a large one', () => {
    const answers = [record('www.example.com', 'A', 0x8000_0001, '192.0.2.1')];
    expect(ttls({ answers }, { ttlMaxSeconds: 600 })).toEqual([600, 600]);
  });
});

describe('what a response is', () => {
  const soa = soaRecord('example.com');
  const alias = record('www.example.com', 'CNAME', 60, 'other.example.net');

  test.each<[string, ResponseParts, object]>([
    ['an answer', { answers: [address] }, { answer: { kind: 'positive' }, recordsRemoved: 0 }],
    ['NODATA', { authorities: [soa] }, { answer: { kind: 'nodata', ttlSeconds: 60 } }],
    [
      'NODATA behind an alias',
      { answers: [alias], authorities: [soaRecord('example.net')] },
      { answer: { kind: 'nodata' } },
    ],
    ['NXDOMAIN', { flags: 0x8183, authorities: [soa] }, { answer: { kind: 'nxdomain' } }],
    ['NXDOMAIN without SOA: not to be kept', { flags: 0x8183 }, { answer: { ttlSeconds: 0 } }],
    ['SERVFAIL', { flags: 0x8182 }, { kind: 'failure', code: 2, edns: false }],
    ['REFUSED with EDNS', { flags: 0x8185, additionals: [opt([])] }, { code: 5, edns: true }],
    ['BADVERS (RFC 6891 6.1.3)', { additionals: [opt([], 1)] }, { kind: 'failure', code: 16 }],
    [
      'a referral (RFC 2308 2.1.1)',
      { flags: 0x8100, authorities: [record('com', 'NS', 60, 'a.gtld.example')] },
      { kind: 'failure', code: 2, referral: true },
    ],
    [
      'NODATA of a resolver that adds the name servers',
      { authorities: [record('com', 'NS', 60, 'a.gtld.example')] },
      { kind: 'answer', recordsRemoved: 1, answer: { kind: 'nodata', ttlSeconds: 0 } },
    ],
    [
      'aliases without end',
      { answers: [record('www.example.com', 'CNAME', 60, 'www.example.com')] },
      { kind: 'failure', code: 2, extendedErrors: [{ code: 24 }] },
    ],
  ])('%s', (_what, parts, expected) => expect(sanitized(parts)).toMatchObject(expected));

  test('an extended error comes along (RFC 8914)', () => {
    const options = [{ code: 15, data: Buffer.from('000a61', 'hex') }];
    const extendedErrors = [{ code: 10, text: 'a' }];
    expect(sanitized({ answers: [address], additionals: [opt(options)] })).toMatchObject({
      answer: { extendedErrors },
    });
  });
});

describe('what does not belong is left out (RFC 2181 5.4.1)', () => {
  const foreign = record('www.bank.example', 'A', 300, '203.0.113.66');

  test.each<[string, ResponseParts, number]>([
    ['another name in the answer', { answers: [address, foreign] }, 1],
    [
      'another type of the same name',
      { answers: [address, record('www.example.com', 'TXT', 9, 'x')] },
      1,
    ],
    [
      'authority of a positive answer',
      { answers: [address], authorities: [record('example.com', 'NS', 9, 'ns.example')] },
      1,
    ],
    [
      'an SOA of a positive answer',
      { answers: [address], authorities: [soaRecord('example.com')] },
      1,
    ],
    ['an SOA that is not above the name', { authorities: [soaRecord('example.net')] }, 1],
    [
      'NSEC that nobody asked for',
      {
        authorities: [
          record('example.com', 'NSEC', 9, { nextDomain: 'z.example.com', rrtypes: ['A'] }),
        ],
      },
      1,
    ],
    ['the additional section (not counted)', { answers: [address], additionals: [foreign] }, 0],
  ])('%s', (_what, parts, recordsRemoved) => {
    const result = sanitized(parts);
    expect(result).toMatchObject({ kind: 'answer', recordsRemoved });
    expect(JSON.stringify(decoded(result))).not.toContain('203.0.113.66');
    expect(decoded(result).additionals).toEqual([]);
  });

  test('a record of another class', () => {
    const chaos = { ...address, class: 'CH' } as dnsPacket.Answer;
    expect(sanitized({ answers: [address, chaos] })).toMatchObject({ recordsRemoved: 1 });
  });
});

describe('AD (RFC 6840 5.8)', () => {
  test.each([
    [true, 0x81a0, true],
    [true, 0x8180, false],
    [false, 0x81a0, false],
  ])('trusted %s, flags %d: %s', (trustAuthenticData, flags, authenticData) => {
    const result = sanitized({ flags, answers: [address] }, { trustAuthenticData });
    expect(result).toMatchObject({ answer: { authenticData } });
  });
});

describe('a malformed response', () => {
  const whole = encodeResponse({ answers: [address], additionals: [opt([])] });
  const read = (message: Buffer): unknown =>
    sanitizeResponse(message, questionOf({}), {
      dnssecOk: false,
      trustAuthenticData: false,
      ttl: noLimits,
    });

  test('cut off anywhere is malformed', () => {
    expect(read(whole)).toMatchObject({ kind: 'answer' });
    for (let length = 12; length < whole.length; length++) {
      expect(() => read(whole.subarray(0, length))).toThrow(MalformedMessage);
    }
  });

  test('two OPT records are malformed (RFC 6891 6.1.1)', () => {
    const two = encodeResponse({ answers: [address], additionals: [opt([]), opt([])] });
    expect(() => read(two)).toThrow(MalformedMessage);
  });

  test('a name in data that runs beyond it is malformed', () => {
    const message = encodeResponse({
      answers: [record('www.example.com', 'CNAME', 60, 'a.example')],
    });
    const lengthAt = message.length - 11 - 2;
    expect(message.readUInt16BE(lengthAt)).toBe(11);
    message.writeUInt16BE(5, lengthAt);
    expect(() => read(message.subarray(0, -6))).toThrow(MalformedMessage);
  });
});

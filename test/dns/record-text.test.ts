import { describe, expect, test } from '@jest/globals';
import { MalformedName, MalformedRecord } from '../../src/base/errors.ts';
import { recordTypeNumber } from '../../src/dns/codes.ts';
import { MessageWriter } from '../../src/dns/message-writer.ts';
import { putCounts } from '../../src/dns/message.ts';
import { formatName, parseName } from '../../src/dns/name.ts';
import { formatRdata } from '../../src/dns/presentation-rdata.ts';
import { parseRecord } from '../../src/dns/record-text.ts';
import { readRecords } from '../../src/dns/records.ts';

/** A record written into a message, read from it, and put into words again. */
function again(line: string): string {
  const { owner, type, rdata } = parseRecord(line);
  const writer = new MessageWriter({ name: parseName('q.example'), type });
  writer.record({ owner, type, ttlSeconds: 1, rdata });
  const wire = writer.finish();
  putCounts(wire, 1, 0, 0);
  const [record] = readRecords(wire)?.answer ?? [];
  if (record === undefined) throw new Error('the record cannot be read');
  return formatRdata(wire, record);
}

describe('a record in presentation form (RFC 1035 section 5.1) is what it says', () => {
  test.each([
    ['A', '192.0.2.1'],
    ['AAAA', '2001:db8::1'],
    ['CNAME', 'target.example.'],
    ['NS', 'ns.example.'],
    ['PTR', 'host.example.'],
    ['DNAME', 'other.example.'],
    ['MX', '10 mail.example.'],
    ['SRV', '1 2 53 dns.example.'],
    ['TXT', '"one" "two words; \\"quoted\\" \\\\ \\007"'],
    ['HINFO', '"cpu" "os"'],
    ['SOA', 'ns.example. host\\.master.example. 1 2 3 4 5'],
    ['CAA', '128 issue "ca.example"'],
    ['DS', '1 13 2 ABCD'],
    ['TLSA', '3 1 1 abcdef'],
    ['SSHFP', '1 2 ABCD'],
    ['NAPTR', '1 2 "u" "E2U+sip" "!^.*$!x!" r.example.'],
    ['DNSKEY', '257 3 13 AQID'],
    ['TYPE65280', '\\# 4 0a000001'],
    ['HTTPS', '\\# 3 000000'],
  ])('%s %s', (type, data) => {
    expect(again(`r.example 300 IN ${type} ${data}`)).toBe(data);
  });

  test('HTTPS: parameters in the order of their numbers (RFC 9460 section 2.2)', () => {
    const line = 'r.example HTTPS 1 . ipv4hint=192.0.2.1 alpn="h2,h3" port=443';
    expect(again(line)).toBe('\\# 27 000100000100060268320268330003000201bb00040004c0000201');
  });

  test('time to live and class in any order, or not at all', () => {
    const ttls = [
      'a 1h A 192.0.2.1',
      'a IN 300 A 192.0.2.1',
      'a 5m IN A 192.0.2.1',
      'a A 192.0.2.1',
    ];
    expect(ttls.map((line) => parseRecord(line).ttlSeconds)).toEqual([3600, 300, 300, undefined]);
  });

  test('its owner is in lower case, with or without a final dot; comments are none of it', () => {
    const { owner, type } = parseRecord('NAS.Home.Arpa TXT ( "a" ) ; a comment');
    expect([formatName(owner), type]).toEqual(['nas.home.arpa.', recordTypeNumber('TXT')]);
  });
});

test.each([
  '',
  'a.example',
  'a.example A',
  'a.example A 192.0.2.256',
  'a.example A 192.0.2.1 more',
  'a.example AAAA 192.0.2.1',
  'a.example NONSENSE x',
  'a.example MX 70000 m.example',
  'a.example TXT "open',
  `a.example TXT ${'x'.repeat(256)}`,
  'a.example TXT \\999',
  'a..example A 192.0.2.1',
  'a.example TYPE1 \\# 5 0a000001',
  'a.example TYPE65280 x',
  'a.example HTTPS 1 . alpn=h2 alpn=h3',
  'a.example HTTPS 1 . port=70000',
  'a.example CH A 192.0.2.1',
])('no record: %s', (line) => {
  let thrown: unknown;
  try {
    parseRecord(line);
  } catch (error) {
    thrown = error;
  }
  expect(thrown instanceof MalformedRecord || thrown instanceof MalformedName).toBe(true);
});

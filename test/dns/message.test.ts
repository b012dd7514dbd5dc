import dnsPacket from 'dns-packet';
import { describe, expect, test } from '@jest/globals';
import { MalformedMessage } from '../../src/base/errors.ts';
import { MessageWriter } from '../../src/dns/message-writer.ts';
import {
  ageTtls,
  eachRecord,
  putCounts,
  questionEnd,
  readTtl,
  recordCount,
  setTtls,
} from '../../src/dns/message.ts';
import { parseName } from '../../src/dns/name.ts';
import { readRdata } from '../../src/dns/rdata.ts';
import { readRecords } from '../../src/dns/records.ts';
import { soaMinimum } from '../../src/dns/soa.ts';
import { soaRecord } from '../support/scripted-upstream.ts';
import { encodeResponse, record } from './response.ts';

const answers = [
  record('www.example.com', 'CNAME', 300, 'host.example.com'),
  record('host.example.com', 'A', 60, '192.0.2.1'),
];
const message = encodeResponse({ answers, authorities: [soaRecord('example.com', 900, 30)] });

function ttlsOf(wire: Buffer): number[] {
  const ttls: number[] = [];
  eachRecord(wire, (typeOffset) => ttls.push(readTtl(wire, typeOffset + 4)));
  return ttls;
}

describe('TTLs in a message', () => {
  test.each([
    [0, [300, 60, 900]],
    [59, [241, 1, 841]],
    [60, [240, 0, 840]],
    [100_000, [0, 0, 0]],
  ])('%d seconds later, never below 0', (elapsedSeconds, expected) => {
    const wire = Buffer.concat([Buffer.alloc(7), message]); // wherever it stands
    ageTtls(wire, 7, wire.length, elapsedSeconds);
    expect(ttlsOf(wire.subarray(7))).toEqual(expected);
  });

  test('all set to one (RFC 8767 4)', () => {
    const wire = Buffer.from(message);
    setTtls(wire, 30);
    expect(ttlsOf(wire)).toEqual([30, 30, 30]);
  });

  test('31 bits: a set highest bit is a large value (RFC 8767 4)', () => {
    expect(readTtl(Buffer.from('ffffffff', 'hex'), 0)).toBe(0x7fff_ffff);
    expect(readTtl(Buffer.from('7fffffff', 'hex'), 0)).toBe(0x7fff_ffff);
  });
});

describe('the question section', () => {
  test('ends behind its class, where there is just one question', () => {
    expect(questionEnd(message, message.length)).toBe(12 + 17 + 4);
    const none = Buffer.from(message);
    none.writeUInt16BE(0, 4);
    expect(questionEnd(none, none.length)).toBe(-1);
    expect(questionEnd(message, 30)).toBe(-1);
  });

  test('counts', () => {
    const wire = Buffer.from(message);
    expect(recordCount(wire)).toBe(3);
    putCounts(wire, 1, 2, 4);
    expect(recordCount(wire)).toBe(7);
  });
});

describe('records', () => {
  test('are told by section, with their owner expanded', () => {
    const records = readRecords(message);
    expect(records?.answer.map(({ type, ttlSeconds }) => [type, ttlSeconds])).toEqual([
      [5, 300],
      [1, 60],
    ]);
    expect(records?.answer[1]?.owner).toEqual(parseName('host.example.com'));
    expect(records?.authority).toHaveLength(1);
    expect(records?.end).toBe(message.length);
  });

  test('the MINIMUM of an SOA; none of another record, or of a damaged one', () => {
    const soa = readRecords(message)?.authority[0];
    const alias = readRecords(message)?.answer[0];
    if (soa === undefined || alias === undefined) throw new Error('no records');
    expect(soaMinimum(message, soa)).toBe(30);
    expect(soaMinimum(message, alias)).toBeUndefined();
    expect(soaMinimum(message, { ...soa, rdataLength: soa.rdataLength - 1 })).toBeUndefined();
  });

  test.each([
    ['half a name', 'MX', Buffer.from('000a0461', 'hex')],
    ['no name', 'MX', Buffer.from('000a', 'hex')],
    ['less than what comes first', 'SRV', Buffer.from('0001', 'hex')],
    ['a text that overruns', 'NAPTR', Buffer.from('00010002ff61', 'hex')],
    ['one name of two', 'SOA', Buffer.from('00', 'hex')],
  ])('data with %s is malformed', (_what, type, data) => {
    const number = { MX: 15, SRV: 33, NAPTR: 35, SOA: 6 }[type] ?? 0;
    const wire = encodeResponse({ answers: [record('x.example', `UNKNOWN_65280`, 60, data)] });
    const [read] = readRecords(wire)?.answer ?? [];
    if (read === undefined) throw new Error('no record');
    expect(readRdata(wire, { ...read, type: number })).toBeUndefined();
  });

  test('a name that is whole, but runs over the end of the data, is malformed', () => {
    const [alias] = readRecords(message)?.answer ?? [];
    if (alias === undefined) throw new Error('no record');
    expect(readRdata(message, alias)).toBeDefined();
    for (let length = 0; length < alias.rdataLength; length++) {
      expect(readRdata(message, { ...alias, rdataLength: length })).toBeUndefined();
    }
  });

  test('octets behind the names of known data are kept', () => {
    const data = Buffer.from('0161000bad', 'hex');
    const wire = encodeResponse({ answers: [record('x.example', 'UNKNOWN_65280', 60, data)] });
    const [read] = readRecords(wire)?.answer ?? [];
    if (read === undefined) throw new Error('no record');
    const parts = readRdata(wire, { ...read, type: 2 }) ?? [];
    expect(Buffer.concat(parts.map((part) => ('name' in part ? part.name : part.octets)))).toEqual(
      data,
    );
  });
});

describe('the message writer', () => {
  const question = { name: parseName('www.example.com'), type: 1 };
  const address = [{ octets: Buffer.from([192, 0, 2, 1]) }];

  test('names that end like the question point into it, so that they follow the case of the client', () => {
    const writer = new MessageWriter(question);
    writer.record({ owner: parseName('WWW.Example.com'), type: 1, ttlSeconds: 60, rdata: address });
    const wire = writer.finish();
    putCounts(wire, 1, 0, 0);
    expect(wire.subarray(33, 35)).toEqual(Buffer.from([0xc0, 12]));
    expect(dnsPacket.decode(wire).answers).toMatchObject([
      { name: 'www.example.com', data: '192.0.2.1' },
    ]);
  });

  test('what was written once is not changed by the next writer', () => {
    const first = new MessageWriter(question).finish();
    const copy = Buffer.from(first);
    new MessageWriter({ name: parseName('zzz.zzz'), type: 28 }).finish();
    expect(first.equals(copy)).toBe(true);
  });

  test('no pointer leads beyond 16,383, and a message ends at 65,535 octets', () => {
    const writer = new MessageWriter(question);
    const rdata = [{ octets: Buffer.alloc(8000) }];
    const owners = Array.from({ length: 9 }, (_, index) =>
      parseName(`n${String(index)}.example.net`),
    );
    for (const owner of owners.slice(0, 8)) {
      writer.record({ owner, type: 65_280, ttlSeconds: 1, rdata });
      writer.record({ owner, type: 65_281, ttlSeconds: 1, rdata: [] });
    }
    const wire = writer.finish();
    putCounts(wire, 16, 0, 0);
    const read = readRecords(wire)?.answer.map(({ owner }) => owner.toString('latin1'));
    expect(read).toEqual(
      owners.slice(0, 8).flatMap((owner) => [owner.toString('latin1'), owner.toString('latin1')]),
    );
    const ninth = { owner: owners[8] ?? question.name, type: 65_280, ttlSeconds: 1, rdata };
    expect(() => writer.record(ninth)).toThrow(MalformedMessage);
  });
});

import dnsPacket from 'dns-packet';
import type { OptAnswer } from 'dns-packet';
import { describe, expect, test } from '@jest/globals';
import {
  encodeOpt,
  encodeOptions,
  extendedErrorOption,
  extendedErrorsOf,
  readEdns,
  readOptions,
} from '../../src/dns/edns.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('the OPT record (RFC 6891 6.1)', () => {
  const edns = {
    udpSize: 1232,
    extendedCode: 1,
    version: 0,
    dnssecOk: true,
    options: [{ code: 10, data: hex('0102030405060708') }],
  };

  test('is written as dns-packet reads it', () => {
    const record = encodeOpt(edns);
    const header = hex('0000 0000 0000 0000 0000 0001');
    const [opt] = dnsPacket.decode(Buffer.concat([header, record])).additionals ?? [];
    const read = opt as OptAnswer;
    expect(read).toMatchObject({ udpPayloadSize: 1232, extendedRcode: 1, flag_do: true });
    expect(read.options.map(({ code }) => code)).toEqual([10]);
  });

  test('is read as it was written', () => expect(readEdns(encodeOpt(edns), 1)).toEqual(edns));

  test.each([0, 100, 511, 512])('a size of %d counts as at least 512 (6.2.3)', (udpSize) => {
    expect(readEdns(encodeOpt({ ...edns, udpSize }), 1)?.udpSize).toBe(512);
  });
});

describe('options', () => {
  test('none, several, empty ones, unknown ones', () => {
    expect(readOptions(hex(''))).toEqual([]);
    const options = [
      { code: 65_400, data: hex('ff') },
      { code: 3, data: hex('') },
    ];
    expect(encodeOptions(options)).toEqual(hex('ff78 0001 ff 0003 0000'));
    expect(readOptions(encodeOptions(options))).toEqual(options);
  });

  test.each([
    ['one that overruns', '000a 0008 0102'],
    ['half a head', '000a 00'],
    ['something behind', '000a 0000 00'],
  ])('%s is malformed', (_what, text) => expect(readOptions(hex(text))).toBeUndefined());
});

describe('extended errors (RFC 8914)', () => {
  test('pass as they are', () => {
    const errors = [
      { code: 3, text: '' },
      { code: 22, text: 'kein Server antwortet: ü' },
    ];
    expect(extendedErrorsOf(errors.map(extendedErrorOption))).toEqual(errors);
  });

  test('too short for a code: passed over', () => {
    expect(extendedErrorsOf([{ code: 15, data: hex('00') }])).toEqual([]);
  });

  test('are bounded in number and length, for they are kept', () => {
    const options = Array.from({ length: 40 }, () => ({
      code: 15,
      data: Buffer.alloc(60_000, 0xff),
    }));
    const errors = extendedErrorsOf(options);
    expect(errors).toHaveLength(8);
    expect(encodeOptions(errors.map(extendedErrorOption)).length).toBeLessThan(30_000);
  });
});

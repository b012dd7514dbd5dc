import { describe, expect, test } from '@jest/globals';
import dnsPacket, { type Answer } from 'dns-packet';
import fc from 'fast-check';
import { MalformedMessage } from '../../src/base/errors.ts';
import { describeMessage, encodeQuery, messageLines } from '../../src/dns/presentation.ts';

function dataOf(answer: Answer): string {
  const wire = dnsPacket.encode({
    type: 'response',
    questions: [{ name: 'q.example', type: 'A' }],
    answers: [answer],
  });
  return describeMessage(wire).answer[0]?.data ?? '';
}

/** A response with one record of these octets. */
function rawRecord(type: number, rdata: Buffer): Buffer {
  const head = Buffer.from([0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
  const record = Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 60, 0, 0]);
  record.writeUInt16BE(type, 1);
  record.writeUInt16BE(rdata.length, 9);
  return Buffer.concat([head, Buffer.from([0, 0, 1, 0, 1]), record, rdata]);
}

const name = 'r.example';
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const records: readonly (readonly [answer: Answer, text: string])[] = [
  [{ type: 'A', name, data: '192.0.2.1' }, '192.0.2.1'],
  [{ type: 'AAAA', name, data: '2001:db8::1' }, '2001:db8::1'],
  [{ type: 'CNAME', name, data: 'Target.example' }, 'Target.example.'],
  [{ type: 'MX', name, data: { preference: 10, exchange: 'm.example' } }, '10 m.example.'],
  [
    { type: 'SRV', name, data: { priority: 1, weight: 2, port: 53, target: 's.example' } },
    '1 2 53 s.example.',
  ],
  [
    {
      type: 'SOA',
      name,
      data: {
        mname: 'ns.example',
        rname: 'host\\.master.example',
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 5,
      },
    },
    'ns.example. host\\.master.example. 1 2 3 4 5',
  ],
  [{ type: 'TXT', name, data: ['a"b\\', Buffer.from([0x07])] }, '"a\\"b\\\\" "\\007"'],
  [
    { type: 'CAA', name, data: { flags: 128, tag: 'issue', value: 'ca.example' } },
    '128 issue "ca.example"',
  ],
  [{ type: 'HINFO', name, data: { cpu: 'a b', os: 'c' } }, '"a b" "c"'],
  [
    { type: 'DS', name, data: { keyTag: 1, algorithm: 13, digestType: 2, digest: hex('abcd') } },
    '1 13 2 ABCD',
  ],
  [
    { type: 'DNSKEY', name, data: { flags: 257, algorithm: 13, key: hex('00ff') } },
    '257 3 13 AP8=',
  ],
  [
    {
      type: 'TLSA',
      name,
      data: { usage: 3, selector: 1, matchingType: 1, certificate: hex('abcd') },
    },
    '3 1 1 abcd',
  ],
  [
    { type: 'SSHFP', name, data: { algorithm: 4, hash: 1, fingerprint: 'AB'.repeat(20) } },
    `4 1 ${'AB'.repeat(20)}`,
  ],
  [
    { type: 'NSEC', name, data: { nextDomain: 'n.example', rrtypes: ['A', 'UNKNOWN_65'] } },
    'n.example. A HTTPS',
  ],
  [
    {
      type: 'NSEC3',
      name,
      data: {
        algorithm: 1,
        flags: 1,
        iterations: 12,
        salt: hex('aabbccdd'),
        nextDomain: hex('174eb2409fe28bcb4887a1836f957f0a8425e27b'),
        rrtypes: ['A', 'RRSIG'],
      },
    },
    '1 1 12 AABBCCDD 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A RRSIG', // RFC 5155 appendix A
  ],
  [
    {
      type: 'RRSIG',
      name,
      data: {
        typeCovered: 'A',
        algorithm: 5,
        labels: 3,
        originalTTL: 86_400,
        expiration: 1_048_354_263,
        inception: 1_045_762_263,
        keyTag: 2642,
        signersName: 'example.com',
        signature: hex('a0'),
      },
    },
    'A 5 3 86400 20030322173103 20030220173103 2642 example.com. oA==', // RFC 4034 section 3.3
  ],
];

describe('records as text', () => {
  test.each(records.map(([answer, text]) => [answer.type, answer, text] as const))(
    '%s in presentation form (RFC 1035 section 5.1)',
    (_, answer, text) => {
      expect(dataOf(answer)).toBe(text);
    },
  );

  test('unknown types in the generic form (RFC 3597 section 5)', () => {
    const { answer } = describeMessage(rawRecord(65_280, hex('abcdef')));
    expect(answer[0]).toMatchObject({ type: 'TYPE65280', data: '\\# 3 abcdef' });
    expect(describeMessage(rawRecord(65_280, hex(''))).answer[0]?.data).toBe('\\# 0');
  });

  test.each([
    ['an address of three octets', 1, 'c00002'],
    ['a text that overruns', 16, '05616263'],
    ['an empty MX', 15, ''],
    ['a SOA without numbers', 6, '0000'],
    ['a key of another protocol', 48, '010102050a'],
  ])('%s in the generic form, since it does not fit its type', (_, type, octets) => {
    const { answer } = describeMessage(rawRecord(type, hex(octets)));
    expect(answer[0]?.data).toBe(`\\# ${String(octets.length / 2)} ${octets}`.trimEnd());
  });

  test('nothing that steers a terminal gets through', () => {
    const text = Buffer.from('\u001b[2J\u0007');
    const lines = [
      describeMessage(rawRecord(16, Buffer.concat([Buffer.from([text.length]), text]))),
      describeMessage(rawRecord(257, Buffer.concat([Buffer.from([0, text.length]), text, text]))),
      describeMessage(rawRecord(5, Buffer.concat([Buffer.from([text.length]), text, hex('00')]))),
    ].flatMap(messageLines);
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]*$/);
  });
});

describe('messages as text', () => {
  test('a query is what dns-packet reads', () => {
    const wire = encodeQuery({
      id: 4711,
      name: 'a\\.b.Example',
      type: 28,
      dnssecOk: true,
      udpSize: 1232,
      options: [{ code: 65_310, data: Buffer.alloc(0) }],
    });
    expect(dnsPacket.decode(wire)).toMatchObject({
      id: 4711,
      flag_rd: true,
      questions: [{ name: 'a.b.Example', type: 'AAAA', class: 'IN' }],
      additionals: [
        { type: 'OPT', udpPayloadSize: 1232, flag_do: true, options: [{ code: 65_310 }] },
      ],
    });
    expect(describeMessage(wire).question).toEqual({
      name: 'a\\.b.Example.',
      class: 'IN',
      type: 'AAAA',
    });
  });

  test('several extended errors are shown with their registered names (RFC 8914)', () => {
    const error = (code: number, text: string): { code: 15; data: Buffer } => ({
      code: 15,
      data: Buffer.concat([Buffer.from([0, code]), Buffer.from(text)]),
    });
    const options = [error(3, ''), error(23, 'caf\u00e9 \u001b'), error(200, '')];
    const wire = dnsPacket.encode({
      type: 'response',
      questions: [{ name: 'q.example', type: 'A' }],
      additionals: [
        // the types of dns-packet do not know option 15
        { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options } as unknown as Answer,
      ],
    });
    const lines = messageLines(describeMessage(wire));
    expect(lines).toContain(';; extended error 3 (Stale Answer)');
    expect(lines).toContain(';; extended error 23 (Network Error): caf\u00e9 \ufffd');
    expect(lines).toContain(';; extended error 200 (Unassigned)');
  });

  test('the response code of BADVERS takes its upper bits from the OPT record (RFC 6891)', () => {
    const opt = Buffer.from([0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0]);
    const head = Buffer.from([0, 1, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(describeMessage(Buffer.concat([head, opt]))).toMatchObject({ responseCode: 'BADVERS' });
  });
});

describe('octets from anywhere', () => {
  test('garbage is described or refused as malformed, never anything else', () => {
    const seed = records.map(([answer]) =>
      dnsPacket.encode({
        type: 'response',
        questions: [{ name: 'q.example', type: 'A' }],
        answers: [answer],
      }),
    );
    const mutated = fc
      .tuple(
        fc.constantFrom(...seed),
        fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 6 }),
      )
      .map(([wire, changes]) => {
        const changed = Buffer.from(wire);
        for (const [at, octet] of changes) if (at < changed.length) changed[at] = octet;
        return changed;
      });
    const random = fc.uint8Array({ maxLength: 600 }).map((octets) => Buffer.from(octets));
    fc.assert(
      fc.property(fc.oneof(mutated, random), (wire) => {
        try {
          messageLines(describeMessage(wire));
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage);
        }
      }),
      { numRuns: 20_000 },
    );
  });
});

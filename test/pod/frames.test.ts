import { describe, expect, test } from '@jest/globals';
import { parseName } from '../../src/dns/name.ts';
import { parseSubnet } from '../../src/dns/client-subnet.ts';
import { encodeKey } from '../../src/dns/question.ts';
import { FrameCutter } from '../../src/pod/frame-stream.ts';
import {
  decodeAsk,
  decodeOutcome,
  encodeAsk,
  encodeOutcome,
  frameBytesMax,
} from '../../src/pod/frames.ts';
import type { Outcome } from '../../src/query/outcome.ts';
import { answerWire } from './answer-wire.ts';

const key = encodeKey(
  { name: parseName('www.example'), type: 1 },
  { dnssecOk: true, checkingDisabled: false },
);
const answer = {
  kind: 'positive',
  wire: answerWire('www.example'),
  ttlSeconds: 300,
  authenticData: true,
  extendedErrors: [{ code: 3, text: 'from afar' }],
} as const;

const outcomes: readonly Outcome[] = [
  { kind: 'answer', answer, ageSeconds: 12.5, extendedErrors: [], layer: 'upstream' },
  {
    kind: 'answer',
    answer: { ...answer, kind: 'nodata', authenticData: false, extendedErrors: [] },
    ageSeconds: 0,
    staleTtlSeconds: 30,
    extendedErrors: [
      { code: 3, text: '' },
      { code: 22, text: 'nobody answers' },
    ],
    layer: 'stale',
    detail: '192.0.2.1:53',
    authoritative: true,
  },
  {
    kind: 'answer',
    answer: { ...answer, scopeBits: 24 },
    ageSeconds: 0,
    extendedErrors: [],
    layer: 'l2',
  },
  { kind: 'failure', code: 2, extendedErrors: [{ code: 23, text: 'é' }], layer: 'failure' },
  { kind: 'failure', code: 5, extendedErrors: [], layer: 'admit', detail: 'loop' },
  { kind: 'drop', reason: 'because' },
];

describe('what a worker asks its primary', () => {
  test.each(['client', 'prefetch', 'refresh'] as const)('passes whole: %s', (purpose) => {
    const ask = { number: 4_294_967_295, purpose, waitedMs: 1234, key };
    expect(decodeAsk(encodeAsk(ask))).toEqual(ask);
  });

  test('passes whole on behalf of a subnet', () => {
    const flags = { dnssecOk: true, checkingDisabled: true };
    const ownKey = encodeKey(
      { name: parseName('www.example'), type: 1 },
      { ...flags, clientSubnet: parseSubnet('2001:db8:1200::/40') },
    );
    const ask = { number: 1, purpose: 'client', waitedMs: 0, key: ownKey } as const;
    expect(decodeAsk(encodeAsk(ask))).toEqual(ask);
  });

  test.each(outcomes)('is answered whole: %o', (outcome) => {
    expect(decodeOutcome(encodeOutcome({ number: 7, outcome }))).toEqual({ number: 7, outcome });
  });

  test('is not believed when its key is no name', () => {
    const frame = encodeAsk({ number: 1, purpose: 'client', waitedMs: 0, key });
    frame[13] = 64;
    expect(decodeAsk(frame)).toBeUndefined();
  });
});

describe('a stream of frames', () => {
  test('is cut where it was joined, however it comes in pieces', () => {
    const frames = outcomes.map((outcome, number) => encodeOutcome({ number, outcome }));
    const octets = Buffer.concat(frames);
    for (const size of [1, 3, 64, octets.length]) {
      const cutter = new FrameCutter();
      const seen: string[] = [];
      for (let at = 0; at < octets.length; at += size) {
        const isWhole = cutter.push(octets.subarray(at, at + size), (frame) =>
          seen.push(frame.toString('hex')),
        );
        expect(isWhole).toBe(true);
      }
      expect(seen).toEqual(frames.map((frame) => frame.toString('hex')));
    }
  });

  test('that announces more than any frame has is given up', () => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(frameBytesMax);
    expect(new FrameCutter().push(head, () => undefined)).toBe(false);
  });
});

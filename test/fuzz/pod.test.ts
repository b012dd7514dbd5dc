import { describe, expect, test } from '@jest/globals';
import { parseName } from '../../src/dns/name.ts';
import { encodeKey } from '../../src/dns/question.ts';
import { FrameCutter } from '../../src/pod/frame-stream.ts';
import { decodeAsk, decodeOutcome, encodeAsk, encodeOutcome } from '../../src/pod/frames.ts';
import type { Outcome } from '../../src/query/outcome.ts';
import { answerWire } from '../pod/answer-wire.ts';
import { fuzz } from './fuzz-runs.ts';
import { below, mutate } from './message-mutation.ts';

const key = encodeKey(
  { name: parseName('www.example'), type: 28 },
  { dnssecOk: false, checkingDisabled: true },
);
const asked = encodeAsk({ number: 9, purpose: 'refresh', waitedMs: 1, key });
const outcome: Outcome = {
  kind: 'answer',
  answer: {
    kind: 'positive',
    wire: answerWire('www.example'),
    ttlSeconds: 300,
    authenticData: false,
    extendedErrors: [{ code: 3, text: 'x' }],
  },
  ageSeconds: 1,
  extendedErrors: [{ code: 4, text: 'y' }],
  layer: 'l2',
  detail: 'z',
};
const answered = encodeOutcome({ number: 9, outcome });

describe('damaged frames between worker and primary', () => {
  fuzz('an ask is read as one that can be written, or not at all', 0.02, (random) => {
    const ask = decodeAsk(mutate(asked, random));
    if (ask !== undefined) expect(decodeAsk(encodeAsk(ask))).toEqual(ask);
  });

  fuzz('an outcome is read as one that can be written, or not at all', 0.02, (random) => {
    const read = decodeOutcome(mutate(answered, random));
    if (read !== undefined) expect(decodeOutcome(encodeOutcome(read))).toEqual(read);
  });

  fuzz('a stream of anything gives frames of its own octets only', 0.01, (random) => {
    const cutter = new FrameCutter();
    const octets = mutate(Buffer.concat([asked, answered, asked]), random);
    let taken = 0;
    let isWhole = true;
    for (let at = 0; at < octets.length && isWhole;) {
      const size = 1 + below(random, 40);
      isWhole = cutter.push(octets.subarray(at, at + size), (frame) => (taken += frame.length));
      at += size;
    }
    expect(taken).toBeLessThanOrEqual(octets.length);
  });

  test('undamaged ones are read', () => {
    expect(decodeOutcome(answered)?.outcome).toEqual(outcome);
  });
});

import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { parseName, sameName } from '../../src/dns/name.ts';
import { Habits } from '../../src/upstream/habits.ts';
import { encodeQuery, mixCase } from '../../src/upstream/query-message.ts';
import { mismatchOf } from '../../src/upstream/response-check.ts';
import { RoundTrip } from '../../src/upstream/round-trip.ts';

const limits = { tryTimeoutMinMs: 100, tryTimeoutMaxMs: 1500 };

describe('the round trip time', () => {
  test('is smoothed with its variation (RFC 6298 section 2)', () => {
    const roundTrip = new RoundTrip();
    roundTrip.sample(100);
    expect([roundTrip.smoothedMs, roundTrip.variationMs]).toEqual([100, 50]);
    roundTrip.sample(200);
    expect([roundTrip.smoothedMs, roundTrip.variationMs]).toEqual([112.5, 62.5]);
    expect(roundTrip.tryTimeoutMs(1, limits)).toBe(362.5);
    expect(roundTrip.tryTimeoutMs(2, limits)).toBe(725);
    expect(roundTrip.tryTimeoutMs(3, limits)).toBe(1450);
  });

  test('of an unknown upstream is allowed 400 ms, and every try keeps within the limits', () => {
    const roundTrip = new RoundTrip();
    expect(roundTrip.tryTimeoutMs(1, limits)).toBe(400);
    for (let i = 0; i < 50; i++) roundTrip.sample(1);
    expect(roundTrip.tryTimeoutMs(1, limits)).toBe(100);
    roundTrip.sample(60_000);
    expect(roundTrip.tryTimeoutMs(1, limits)).toBe(1500);
  });
});

const shape = {
  question: { name: parseName('www.example.com'), type: 1 },
  flags: { dnssecOk: false, checkingDisabled: false },
  authenticData: false,
  ednsBytes: undefined,
};

describe('the check of a response (RFC 5452 section 9.1)', () => {
  const sent = encodeQuery(7, parseName('wWw.ExAmPlE.com'), shape);
  const changed = (change: (octets: Buffer) => void): Buffer => {
    const octets = Buffer.from(sent);
    octets[2] = 0x81;
    change(octets);
    return octets;
  };

  test.each([
    ['the same question', changed(() => {}), undefined],
    ['another id', changed((octets) => octets.writeUInt16BE(8, 0)), 'wrong_id'],
    ['no QR', changed((octets) => (octets[2] = 1)), 'not_a_response'],
    ['another case', changed((octets) => (octets[13] = 0x57)), 'wrong_case'],
    ['another letter', changed((octets) => (octets[13] = 0x58)), 'wrong_question'],
    ['another type', changed((octets) => (octets[30] = 2)), 'wrong_question'],
    ['another class', changed((octets) => (octets[32] = 3)), 'wrong_question'],
    ['a name cut short', changed(() => {}).subarray(0, 20), 'malformed'],
    ['no question', changed((octets) => octets.writeUInt16BE(0, 4)), 'malformed'],
    ['a runt', Buffer.from([0, 7, 0x81]), 'malformed'],
    [
      'FORMERR with its header alone',
      changed((octets) => octets.fill(0, 3, 12).fill(1, 3, 4)).subarray(0, 12),
      undefined,
    ],
  ])('%s', (_what, received, mismatch) => {
    expect(mismatchOf(received, sent, true)).toBe(mismatch);
  });

  test('does not look at case where none was mixed', () => {
    expect(
      mismatchOf(
        changed((octets) => (octets[13] = 0x57)),
        sent,
        false,
      ),
    ).toBeUndefined();
  });

  test('mixed case changes letters only', () => {
    const name = parseName('a-1.example.com');
    const random = new SeededRandom(3);
    const mixed = Array.from({ length: 20 }, () => mixCase(name, random));
    expect(mixed.every((each) => sameName(each, name))).toBe(true);
    expect(new Set(mixed.map((each) => each.toString('latin1'))).size).toBeGreaterThan(15);
  });
});

describe('habits of an upstream', () => {
  test('mixed case is given up after three losses in a row, for 10 minutes', () => {
    const habits = new Habits();
    habits.lostCase(0);
    habits.lostCase(0);
    habits.keptCase();
    habits.lostCase(0);
    habits.lostCase(0);
    expect(habits.mixesCase(0)).toBe(true);
    habits.lostCase(0);
    expect(habits.mixesCase(599_999)).toBe(false);
    expect(habits.mixesCase(600_000)).toBe(true);
  });

  test('EDNS is left out for an hour', () => {
    const habits = new Habits();
    habits.worksWithoutEdns(5);
    expect(habits.usesEdns(3_600_004)).toBe(false);
    expect(habits.usesEdns(3_600_005)).toBe(true);
  });
});

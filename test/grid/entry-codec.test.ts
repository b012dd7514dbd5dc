import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { decodeEntry, encodeEntry } from '../../src/grid/entry-codec.ts';
import { Seal } from '../../src/grid/seal.ts';
import { answerFor } from '../cache/support.ts';

const place = 'heimdall.cache/www.example.com./A/IN';
const oldKey = { id: 1, secret: Buffer.from('the key of last month') };
const newKey = { id: 2, secret: Buffer.from('the key of this month') };
const answer = {
  ...answerFor('www.example.com', 300, 2),
  authenticData: true,
  extendedErrors: [{ code: 22, text: 'some text' }],
};
const entry = { answer, ttlsRightAtGridMs: 1_800_000_000_123.5 };

describe('entries of the grid', () => {
  test('come back as they were', () => {
    const seal = new Seal([newKey]);
    expect(decodeEntry(place, encodeEntry(place, entry, seal), seal)).toEqual(entry);
  });

  test('keep for whom they are (RFC 7871)', () => {
    const seal = new Seal([newKey]);
    const scoped = { ...entry, answer: { ...answer, scopeBits: 17 } };
    expect(decodeEntry(place, encodeEntry(place, scoped, seal), seal)).toEqual(scoped);
  });

  test('are refused after any change of any octet', () => {
    const seal = new Seal([newKey]);
    const sealed = encodeEntry(place, entry, seal);
    for (let at = 0; at < sealed.length; at++) {
      const damaged = Buffer.from(sealed);
      damaged[at] = (damaged[at] ?? 0) ^ 0x01;
      expect(typeof decodeEntry(place, damaged, seal)).toBe('string');
      expect(typeof decodeEntry(place, sealed.subarray(0, at), seal)).toBe('string');
    }
  });

  test('are worth nothing under another name', () => {
    const seal = new Seal([newKey]);
    const sealed = encodeEntry(place, entry, seal);
    const elsewhere = 'heimdall.cache/bank.example.com./A/IN';
    expect(decodeEntry(elsewhere, sealed, seal)).toBe('unauthenticated');
  });

  test('of the key before are read while keys change, of a key that left they are not', () => {
    const sealed = encodeEntry(place, entry, new Seal([oldKey]));
    expect(decodeEntry(place, sealed, new Seal([newKey, oldKey]))).toEqual(entry);
    expect(decodeEntry(place, sealed, new Seal([newKey]))).toBe('unknown_key');
  });

  test('sealed with another secret under the same id are refused', () => {
    const sealed = encodeEntry(place, entry, new Seal([{ ...newKey, secret: Buffer.from('x') }]));
    expect(decodeEntry(place, sealed, new Seal([newKey]))).toBe('unauthenticated');
  });

  test('without a key are refused by replicas that have one, and the other way round', () => {
    const open = encodeEntry(place, entry, new Seal([]));
    const closed = encodeEntry(place, entry, new Seal([newKey]));
    expect(decodeEntry(place, open, new Seal([newKey]))).toBe('unknown_key');
    expect(decodeEntry(place, closed, new Seal([]))).toBe('unknown_key');
    expect(decodeEntry(place, open, new Seal([]))).toEqual(entry);
  });

  test('of a future version under our key are known as such', () => {
    const seal = new Seal([newKey]);
    const payload = seal.open(place, encodeEntry(place, entry, seal));
    if (typeof payload === 'string') throw new Error(payload);
    const future = Buffer.from(payload);
    future[0] = 2;
    expect(decodeEntry(place, seal.seal(place, future), seal)).toBe('version');
  });

  test('whose payload is rubbish are refused even when the seal is right', () => {
    const seal = new Seal([]);
    const random = new SeededRandom(5);
    for (let run = 0; run < 20_000; run++) {
      const rubbish = Buffer.from(
        Array.from({ length: random.uint16() % 120 }, () => random.uint16() & 0xff),
      );
      if (rubbish.length > 0) rubbish[0] = 1;
      expect(typeof decodeEntry(place, seal.seal(place, rubbish), seal)).toBe('string');
    }
  });
});

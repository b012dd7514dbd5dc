import { describe, expect, test } from '@jest/globals';
import { ChurningMap } from '../../src/base/churning-map.ts';
import { SeededRandom } from '../../src/base/random.ts';

const steps = 20_000;

describe('a map whose entries come and go', () => {
  test.each([10, 300, 5000])(
    'holds what a Map holds, in its order, with up to %d keys',
    (keysMax) => {
      const random = new SeededRandom(keysMax);
      const map = new ChurningMap<string, number>();
      const model = new Map<string, number>();
      for (let step = 0; step < steps; step++) {
        const key = `n${String(Math.floor(random.fraction() * keysMax))}.example`;
        if (random.fraction() < 0.4) expect(map.delete(key)).toBe(model.delete(key));
        else {
          map.set(key, step);
          model.set(key, step);
        }
        expect(map.size).toBe(model.size);
        expect(map.get(key)).toBe(model.get(key));
      }
      expect(map.values()).toEqual([...model.values()]);
      for (const [key, value] of model) expect(map.get(key)).toBe(value);
    },
  );

  test('takes numbers for keys, and tells what is there from what is undefined', () => {
    const map = new ChurningMap<number, string | undefined>();
    for (let key = 0; key < 1000; key++) map.set(key, key % 2 === 0 ? undefined : String(key));
    for (let key = 0; key < 1000; key += 3) map.delete(key);
    for (let key = 0; key < 1000; key++) {
      expect(map.has(key)).toBe(key % 3 !== 0);
      expect(map.get(key)).toBe(key % 3 === 0 || key % 2 === 0 ? undefined : String(key));
    }
  });

  test('is empty again when all were deleted, and can be filled anew', () => {
    const map = new ChurningMap<string, string>();
    for (const key of ['a', 'b', 'c']) map.set(key, key);
    for (const key of ['b', 'a', 'c']) expect(map.delete(key)).toBe(true);
    expect([map.size, map.values(), map.get('a'), map.delete('a')]).toEqual([
      0,
      [],
      undefined,
      false,
    ]);
    map.set('b', 'again');
    expect(map.values()).toEqual(['again']);
  });

  test('gives values as they are now: deleting while they are gone through is safe', () => {
    const map = new ChurningMap<string, string>();
    for (const key of ['a', 'b', 'c']) map.set(key, key);
    for (const value of map.values()) map.delete(value);
    expect(map.size).toBe(0);
  });
});

import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { Arena } from '../../src/cache/arena.ts';
import { headerBytes } from '../../src/cache/entry-layout.ts';
import { EntryRing } from '../../src/cache/entry-ring.ts';

describe('entry ring', () => {
  test('gives entries back in the order in which they came, whatever their sizes', () => {
    const random = new SeededRandom(11);
    const arena = new Arena(4096 + 64);
    const ring = new EntryRing(arena, 64, 4096);
    const expected: number[] = [];
    let nextHash = 1;
    for (let step = 0; step < 5000; step++) {
      const size = headerBytes + 8 * (random.uint16() % 40);
      while (!ring.hasRoom(size)) {
        const oldest = ring.oldest();
        expect(arena.hash(oldest)).toBe(expected.shift());
        ring.removeOldest();
      }
      const entry = ring.append(size);
      arena.setHash(entry, nextHash);
      arena.setFlags(entry, 0);
      expected.push(nextHash++);
      expect(entry + size).toBeLessThanOrEqual(64 + 4096);
      expect(ring.contains(entry)).toBe(true);
      const { entries } = ring.slice(0, Number.POSITIVE_INFINITY);
      expect(entries.map((at) => arena.hash(at))).toEqual(expected);
    }
  });

  test('can be read in slices while it changes', () => {
    const arena = new Arena(1024);
    const ring = new EntryRing(arena, 0, 1024);
    for (let hash = 1; hash <= 10; hash++) arena.setHash(ring.append(headerBytes), hash);
    const first = ring.slice(ring.oldestPosition, 4);
    ring.removeOldest();
    const second = ring.slice(first.next, 100);
    const hashes = [...first.entries, ...second.entries].map((entry) => arena.hash(entry));
    expect(hashes).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(second.next).toBe(-1);
  });

  test('an empty ring has no oldest entry', () => {
    expect(new EntryRing(new Arena(64), 0, 64).oldest()).toBe(-1);
  });
});

import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { HashIndex } from '../../src/cache/hash-index.ts';

/** Every reference under its hash, found by walking the slots as a look-up does. */
function refsOf(index: HashIndex, hash: number): number[] {
  const refs: number[] = [];
  for (let slot = index.firstSlot(hash); slot >= 0; slot = index.nextSlot(hash, slot)) {
    refs.push(index.refAt(slot));
  }
  return refs.sort((one, other) => one - other);
}

describe('hash index', () => {
  test('agrees with a plain list through random insertions and removals with many collisions', () => {
    const random = new SeededRandom(7);
    const index = new HashIndex(256);
    const model = new Map<number, number>(); // ref -> hash
    let nextRef = 1;
    for (let step = 0; step < 20_000; step++) {
      const hash = random.uint16() % 97;
      if (random.fraction() < 0.55) {
        if (index.insert(hash, nextRef)) model.set(nextRef, hash);
        nextRef++;
      } else if (model.size > 0) {
        const [ref, ofRef] = [...model][random.uint16() % model.size] ?? [0, 0];
        index.remove(index.slotOf(ofRef, ref));
        model.delete(ref);
      }
      expect(index.size).toBe(model.size);
      const expected = [...model].filter(([, known]) => known === hash).map(([ref]) => ref);
      expect(refsOf(index, hash)).toEqual(expected.sort((one, other) => one - other));
    }
    expect(model.size).toBeGreaterThan(0);
  });

  test('refuses what would make it fuller than its bound', () => {
    const index = new HashIndex(16);
    const kept = Array.from({ length: 16 }, (_, i) => index.insert(i * 0x1000_0001, i + 1));
    expect(kept.filter(Boolean)).toHaveLength(index.entriesMax);
    expect(index.size).toBe(index.entriesMax);
  });

  test('crafted collisions cost a bounded number of probes', () => {
    const index = new HashIndex(1024);
    const kept = Array.from({ length: 500 }, (_, i) => index.insert(5, i + 1));
    expect(kept.filter(Boolean)).toHaveLength(64);
  });

  test('is empty after a clear', () => {
    const index = new HashIndex(16);
    index.insert(3, 1);
    index.clear();
    expect([index.size, index.firstSlot(3)]).toEqual([0, -1]);
  });
});

import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { AnswerStore } from '../../src/cache/answer-store.ts';
import { answerFor, keyFor } from './support.ts';

const mebibyte = 1024 ** 2;

/** Every key that the store holds, found by walking it. */
function keysOf(store: AnswerStore): string[] {
  return [...store.slices(1000)].flat().map((entry) => store.keyOf(entry).toString('latin1'));
}

describe('answer store', () => {
  test('what it finds is what was put last, through evictions, replacements and deletions', () => {
    const random = new SeededRandom(3);
    const store = new AnswerStore(mebibyte / 8, 99);
    const latest = new Map<string, number>();
    for (let step = 0; step < 30_000; step++) {
      const name = `n${String(Math.floor(random.fraction() ** 2 * 3000))}.example.com`;
      const key = keyFor(name);
      const entry = store.find(key, key.length);
      if (entry >= 0) {
        expect(store.read(entry).answer.wire).toEqual(answerFor(name, latest.get(name) ?? -1).wire);
        store.touch(entry);
      }
      const chance = random.fraction();
      if (chance < 0.5) {
        if (store.put(key, answerFor(name, step + 1), 0, 0)) latest.set(name, step + 1);
      } else if (chance < 0.55) {
        store.delete(key, key.length);
        expect(store.find(key, key.length)).toBe(-1);
      }
      if (step % 1000 === 0) {
        const keys = keysOf(store);
        expect(new Set(keys).size).toBe(keys.length);
        expect(keys).toHaveLength(store.figures().entries);
      }
    }
    const { evictionsSmall, evictionsMain, sizeBytes, limitBytes } = store.figures();
    expect(evictionsSmall + evictionsMain).toBeGreaterThan(0);
    expect(sizeBytes).toBeLessThanOrEqual(limitBytes);
  });

  test('a scan does not drive out what is asked for again and again', () => {
    const store = new AnswerStore(mebibyte / 4, 5);
    const popular = Array.from({ length: 300 }, (_, i) =>
      keyFor(`popular${String(i)}.example.com`),
    );
    const use = (key: Buffer): boolean => {
      const entry = store.find(key, key.length);
      if (entry >= 0) store.touch(entry);
      else store.put(key, answerFor('x.example.com', 300), 0, 0);
      return entry >= 0;
    };
    for (let round = 0; round < 4; round++) popular.forEach(use);
    for (let i = 0; i < 50_000; i++) {
      use(keyFor(`scan${String(i)}.example.net`));
      if (i % 20 === 0) use(popular[(i / 20) % popular.length] ?? keyFor('none'));
    }
    expect(popular.filter((key) => store.find(key, key.length) >= 0)).toHaveLength(300);
  });

  test('an untouched cache fills all of its memory, not only the queue for new entries', () => {
    const store = new AnswerStore(mebibyte, 5);
    for (let i = 0; i < 20_000; i++) {
      store.put(keyFor(`n${String(i)}.example.com`), answerFor('a.example.com', 300), 0, 0);
    }
    const { sizeBytes, limitBytes } = store.figures();
    expect(sizeBytes).toBeGreaterThan(limitBytes * 0.75);
  });

  test('an entry that would drive out a quarter of the cache is refused, and the old one is gone', () => {
    const store = new AnswerStore(mebibyte / 8, 5);
    const key = keyFor('big.example.com');
    store.put(key, answerFor('big.example.com', 300), 0, 0);
    expect(store.put(key, answerFor('big.example.com', 300, 2000), 0, 0)).toBe(false);
    expect(store.find(key, key.length)).toBe(-1);
    expect(store.figures().refused).toBe(1);
  });

  test('TTLs are counted down by the whole seconds that passed, never twice', () => {
    const store = new AnswerStore(mebibyte, 5);
    const key = keyFor('a.example.com');
    store.put(key, answerFor('a.example.com', 300), 1000, 10);
    const out = Buffer.alloc(512);
    const ttlAt = (nowMs: number): number => {
      const entry = store.find(key, key.length);
      store.copyAnswer(entry, nowMs, out, 0);
      return out.readUInt32BE(store.answerLength(entry) - 10);
    };
    const times = [1000, 1999, 2000, 2500, 61_000, 61_999, 291_000];
    expect(times.map(ttlAt)).toEqual([290, 290, 289, 289, 230, 230, 0]);
  });

  test('a replaced popular entry keeps its place and half of its hits', () => {
    const store = new AnswerStore(mebibyte, 5);
    const key = keyFor('a.example.com');
    store.put(key, answerFor('a.example.com', 300), 0, 0);
    for (let i = 0; i < 9; i++) store.touch(store.find(key, key.length));
    store.put(key, answerFor('a.example.com', 300), 0, 0);
    expect(store.hits(store.find(key, key.length))).toBe(4);
    expect(store.figures().entries).toBe(1);
  });

  test('everything can be deleted by a rule, or at once', () => {
    const store = new AnswerStore(mebibyte, 5);
    for (let i = 0; i < 100; i++) {
      store.put(keyFor(`n${String(i)}.example.com`), answerFor('a.example.com', 300), 0, 0);
    }
    expect(store.deleteWhere((key) => key.toString('latin1').includes('n1'))).toBe(11);
    expect(store.figures().entries).toBe(89);
    expect(store.clear()).toBe(89);
    expect(keysOf(store)).toEqual([]);
  });
});

import { describe, expect, test } from '@jest/globals';
import { AnswerCache } from '../../src/cache/answer-cache.ts';
import { AnswerStore } from '../../src/cache/answer-store.ts';
import { parseName } from '../../src/dns/name.ts';
import { answerFor, keyFor, nxdomainFor } from './support.ts';

const prefetch = { enabled: true, hitsMin: 3, remainingShare: 0.1 };

function newCache(): AnswerCache {
  return new AnswerCache(new AnswerStore(1024 ** 2, 1), prefetch);
}

/** As the hot path asks: the key is scratch. */
function serve(cache: AnswerCache, key: Buffer, nowMs: number, bytesMax = 512): number {
  return cache.serve(Buffer.from(key), key.length, nowMs, Buffer.alloc(512), 0, bytesMax);
}

describe('answer cache', () => {
  test('RFC 2308 5: an NXDOMAIN is kept once and answers for every type of its name', () => {
    const cache = newCache();
    cache.keep(keyFor('gone.example.com', 1), nxdomainFor('gone.example.com', 60), 0, 0);
    for (const type of [1, 28, 15, 65]) {
      const key = keyFor('gone.example.com', type);
      expect(serve(cache, key, 1000)).toBeGreaterThan(0);
      expect(cache.recall(key, 1000, false)?.entry.answer.kind).toBe('nxdomain');
    }
    expect(cache.figures().entries).toBe(1);
  });

  test('an answer takes the place of the NXDOMAIN of its name, and the other way round', () => {
    const cache = newCache();
    const key = keyFor('a.example.com');
    cache.keep(key, nxdomainFor('a.example.com', 60), 0, 0);
    cache.keep(key, answerFor('a.example.com', 60), 0, 0);
    expect(cache.recall(keyFor('a.example.com', 28), 0, false)).toBeUndefined();
    cache.keep(key, nxdomainFor('a.example.com', 60), 0, 0);
    expect(cache.recall(key, 0, false)?.entry.answer.kind).toBe('nxdomain');
  });

  test('RFC 2181 8: an answer with TTL 0, or none left, is not kept', () => {
    const cache = newCache();
    expect(cache.keep(keyFor('a.example.com'), answerFor('a.example.com', 0), 0, 0)).toBe(false);
    expect(cache.keep(keyFor('a.example.com'), answerFor('a.example.com', 5), 0, 5)).toBe(false);
    expect(cache.figures().entries).toBe(0);
  });

  test('an expired answer is not served fresh, and one too large is left to the stages', () => {
    const cache = newCache();
    const key = keyFor('a.example.com');
    cache.keep(key, answerFor('a.example.com', 10, 3), 0, 0);
    expect(serve(cache, key, 9999)).toBeGreaterThan(0);
    expect(serve(cache, key, 10_000)).toBe(0);
    expect(serve(cache, key, 0, 60)).toBe(0);
    expect(cache.recall(key, 15_000, false)).toMatchObject({ expiredForMs: 5000 });
  });

  test('a popular answer is due for a refresh once in the last tenth of its TTL', () => {
    const cache = newCache();
    const due: Buffer[] = [];
    cache.onRefreshDue((key) => due.push(key));
    const key = keyFor('a.example.com');
    cache.keep(key, answerFor('a.example.com', 100), 0, 0);
    for (let i = 0; i < 5; i++) serve(cache, key, 1000);
    expect(due).toEqual([]);
    for (let i = 0; i < 5; i++) serve(cache, key, 91_000);
    expect(due).toEqual([key]);
    cache.refreshFailed(key);
    serve(cache, key, 92_000);
    expect(due).toHaveLength(2);
  });

  test('an unpopular answer is left to expire', () => {
    const cache = newCache();
    const due: Buffer[] = [];
    cache.onRefreshDue((key) => due.push(key));
    const key = keyFor('a.example.com');
    cache.keep(key, answerFor('a.example.com', 100), 0, 0);
    serve(cache, key, 95_000);
    serve(cache, key, 96_000);
    expect(due).toEqual([]);
  });

  test('a flush by name takes all types, one by suffix all below', () => {
    const cache = newCache();
    for (const [name, type] of [
      ['a.example.com', 1],
      ['a.example.com', 28],
      ['b.a.example.com', 1],
      ['aexample.com', 1],
      ['c.example.com', 1],
    ] as const) {
      cache.keep(keyFor(name, type), answerFor(name, 60), 0, 0);
    }
    expect(cache.forgetName(parseName('a.example.com'))).toBe(2);
    expect(cache.forgetSuffix(parseName('example.com'))).toBe(2);
    expect(cache.forgetAll()).toBe(1);
  });
});

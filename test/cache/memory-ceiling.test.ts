import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { AnswerStore } from '../../src/cache/answer-store.ts';
import type { ReturnMemory } from '../../src/cache/answer-store.ts';
import { MemoryCeiling } from '../../src/cache/memory-ceiling.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { answerFor, keyFor } from './support.ts';

const mebibyte = 1024 ** 2;
const otherBytes = 100 * mebibyte;

/** Memory that was given back holds anything: who reads it reads this. */
const spoil: ReturnMemory = (memory, start, end) => {
  Buffer.from(memory).fill(0xff, start, end);
};

/** A store in a process that takes 100 MiB beside it, with a ceiling that the store may come to. */
function scene(options: { readonly cacheBytes: number; readonly roomBytes: number }) {
  const clock = new VirtualClock();
  const store = new AnswerStore(options.cacheBytes, 7);
  const seen: string[] = [];
  const memory = { otherBytes };
  const ceiling = new MemoryCeiling(store, {
    clock,
    bytesMax: otherBytes + options.roomBytes,
    residentBytes: () => memory.otherBytes + store.figures().sizeBytes,
    returnMemory: spoil,
    observer: {
      shortened: () => seen.push('shortened'),
      restored: () => seen.push('restored'),
    },
  });
  ceiling.start();
  return { clock, store, seen, memory, ceiling };
}

function nameOf(number: number): string {
  return `n${String(number)}.example.com`;
}

function fill(store: AnswerStore, names: number): void {
  for (let i = 0; i < names; i++) store.put(keyFor(nameOf(i)), answerFor(nameOf(i), 300), 0, 0);
}

describe('memory ceiling', () => {
  test('above it the cache gives way, in steps, until the process is below', async () => {
    const { clock, store, seen, ceiling } = scene({
      cacheBytes: 4 * mebibyte,
      roomBytes: mebibyte,
    });
    fill(store, 40_000);
    const { sizeBytes: before, limitBytes: whole } = store.figures();
    expect(before).toBeGreaterThan(2 * mebibyte);
    await clock.advance(1500);
    const { sizeBytes: afterOne, shed } = store.figures();
    expect(afterOne).toBeLessThan(before);
    expect(afterOne).toBeGreaterThan(mebibyte);
    expect(shed).toBeGreaterThan(0);
    await clock.advance(30_000);
    const { sizeBytes, limitBytes, sizeBytesMax, entries } = store.figures();
    expect(sizeBytes).toBeLessThanOrEqual(mebibyte);
    expect(sizeBytes).toBeGreaterThan(mebibyte / 2);
    expect(limitBytes).toBeLessThan(whole);
    expect(sizeBytesMax).toBe(whole);
    expect(entries).toBeGreaterThan(0);
    expect(seen).toEqual(['shortened']);
    ceiling.stop();
    expect(clock.timersPending).toBe(0);
  });

  test('what is asked for again and again stays, and what is new is still taken', async () => {
    const { clock, store } = scene({ cacheBytes: 2 * mebibyte, roomBytes: mebibyte });
    const popular = Array.from({ length: 300 }, (_, i) =>
      keyFor(`popular${String(i)}.example.net`),
    );
    const ask = (key: Buffer): void => {
      const entry = store.find(key, key.length);
      if (entry >= 0) store.touch(entry);
      else store.put(key, answerFor('x.example.net', 300), 0, 0);
    };
    for (let i = 0; i < 20_000; i++) {
      store.put(keyFor(nameOf(i)), answerFor(nameOf(i), 300), 0, 0);
      if (i % 2000 === 0) popular.forEach(ask);
    }
    popular.forEach(ask);
    await clock.advance(20_000);
    expect(store.figures().shed).toBeGreaterThan(1000);
    expect(popular.filter((key) => store.find(key, key.length) >= 0)).toHaveLength(300);
    fill(store, 10);
    expect(store.find(keyFor(nameOf(9)), keyFor(nameOf(9)).length)).toBeGreaterThanOrEqual(0);
  });

  test('an eighth of the cache stays, whatever takes the memory', async () => {
    const { clock, store, memory } = scene({ cacheBytes: 4 * mebibyte, roomBytes: mebibyte });
    memory.otherBytes = 500 * mebibyte;
    fill(store, 40_000);
    await clock.advance(60_000);
    expect(store.figures().sizeBytes).toBeGreaterThan(store.entryBytesMax / 10);
    expect(store.figures().sizeBytes).toBeLessThanOrEqual(store.entryBytesMax / 8 + 8);
  });

  test('it grows back slowly once there is memory again, and not before', async () => {
    const { clock, store, seen, memory } = scene({
      cacheBytes: 4 * mebibyte,
      roomBytes: 20 * mebibyte,
    });
    fill(store, 40_000);
    memory.otherBytes = 121 * mebibyte;
    await clock.advance(3000);
    const { limitBytes: lowered, sizeBytesMax } = store.figures();
    memory.otherBytes = 110 * mebibyte; // between nine tenths of the ceiling and all of it
    await clock.advance(60_000);
    expect(store.figures().limitBytes).toBe(lowered);
    memory.otherBytes = 50 * mebibyte;
    await clock.advance(5000);
    expect(store.figures().limitBytes).toBeGreaterThan(lowered);
    expect(store.figures().limitBytes).toBeLessThan(sizeBytesMax);
    await clock.advance(60_000);
    expect(store.figures().limitBytes).toBe(sizeBytesMax);
    expect(seen).toEqual(['shortened', 'restored']);
    fill(store, 40_000);
    expect(store.figures().sizeBytes).toBeGreaterThan(2 * mebibyte);
  });

  test('memory that was given back is never read, however the limit moves', async () => {
    const random = new SeededRandom(17);
    const { clock, store, memory } = scene({ cacheBytes: mebibyte / 2, roomBytes: mebibyte / 8 });
    const latest = new Map<string, number>();
    let seen = 0;
    for (let round = 0; round < 150; round++) {
      memory.otherBytes = otherBytes * (random.fraction() < 0.5 ? 1 : 0.5);
      if (random.fraction() < 0.02) store.clear();
      for (let step = 0; step < 200; step++) {
        const name = nameOf(Math.floor(random.fraction() ** 2 * 6000));
        const key = keyFor(name);
        const entry = store.find(key, key.length);
        if (entry >= 0) {
          const { wire } = answerFor(name, latest.get(name) ?? -1);
          expect(store.read(entry).answer.wire).toEqual(wire);
          store.touch(entry);
          seen++;
        } else if (store.put(key, answerFor(name, step + 1), 0, 0)) latest.set(name, step + 1);
      }
      await clock.advance(random.fraction() * 3000);
    }
    expect(seen).toBeGreaterThan(5000);
    expect(store.figures().shed).toBeGreaterThan(1000);
    const all = [...store.slices(1000)].flat();
    expect(all).toHaveLength(store.figures().entries);
  });
});

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SnapshotRefused } from '../../src/base/errors.ts';
import { AnswerCache } from '../../src/cache/answer-cache.ts';
import { AnswerStore } from '../../src/cache/answer-store.ts';
import { Snapshot } from '../../src/cache/snapshot.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { answerFor, keyFor, nxdomainFor } from './support.ts';

const staleSecondsMax = 3600;
let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-snapshot-'));
  path = join(directory, 'deeper', 'cache.snapshot');
});

afterEach(() => rm(directory, { recursive: true }));

function newCache(): AnswerCache {
  const prefetch = { enabled: false, hitsMin: 1, remainingShare: 0 };
  return new AnswerCache(new AnswerStore(4 * 1024 ** 2, 1), prefetch);
}

async function saved(clock: VirtualClock, entries = 3000): Promise<AnswerCache> {
  const cache = newCache();
  for (let i = 0; i < entries; i++) {
    const name = `n${String(i)}.example.com`;
    cache.keep(keyFor(name), answerFor(name, 300), clock.nowMs(), 0);
  }
  cache.keep(keyFor('gone.example.com'), nxdomainFor('gone.example.com', 60), clock.nowMs(), 0);
  await new Snapshot(path, cache, clock).save();
  return cache;
}

describe('snapshot', () => {
  test('what was saved is there again, and TTLs went on while it lay on disk', async () => {
    const clock = new VirtualClock();
    await saved(clock);
    await clock.advance(100_000);
    const cache = newCache();
    expect(await new Snapshot(path, cache, clock).load(staleSecondsMax)).toBe(3001);
    const fresh = cache.recall(keyFor('n7.example.com'), clock.nowMs(), false);
    expect(fresh).toMatchObject({ ageSeconds: 100, expiredForMs: -200_000 });
    expect(fresh?.entry.answer.wire).toEqual(answerFor('n7.example.com', 300).wire);
    const stale = cache.recall(keyFor('gone.example.com', 28), clock.nowMs(), false);
    expect(stale).toMatchObject({ expiredForMs: 40_000 });
  });

  test('answers for a subnet stay for it, and those for everybody for everybody', async () => {
    const clock = new VirtualClock();
    const before = newCache();
    const wide = { ...answerFor('wide.example', 300), scopeBits: 0 };
    const narrow = { ...answerFor('narrow.example', 300), scopeBits: 24 };
    before.keep(keyFor('wide.example', 1, '198.51.100.0/24'), wide, clock.nowMs(), 0);
    before.keep(keyFor('narrow.example', 1, '198.51.100.0/24'), narrow, clock.nowMs(), 0);
    await new Snapshot(path, before, clock).save();
    const cache = newCache();
    await new Snapshot(path, cache, clock).load(staleSecondsMax);
    const scopeOf = (name: string, subnet?: string): number | undefined =>
      cache.recall(keyFor(name, 1, subnet), clock.nowMs(), false)?.entry.answer.scopeBits;
    expect(scopeOf('wide.example', '203.0.113.0/24')).toBe(0);
    expect(scopeOf('wide.example')).toBe(0);
    expect(scopeOf('narrow.example', '198.51.100.0/24')).toBe(24);
    for (const subnet of ['203.0.113.0/24', undefined]) {
      expect(
        cache.recall(keyFor('narrow.example', 1, subnet), clock.nowMs(), false),
      ).toBeUndefined();
    }
  });

  test('entries past their stale time are left out', async () => {
    const clock = new VirtualClock();
    await saved(clock, 10);
    await clock.advance((300 + staleSecondsMax - 1) * 1000);
    expect(await new Snapshot(path, newCache(), clock).load(staleSecondsMax)).toBe(10);
    await clock.advance(2000);
    expect(await new Snapshot(path, newCache(), clock).load(staleSecondsMax)).toBe(0);
  });

  test('no file is no error', async () => {
    const snapshot = new Snapshot(path, newCache(), new VirtualClock());
    expect(await snapshot.load(staleSecondsMax)).toBeUndefined();
  });

  test('a file that was changed anywhere is refused whole', async () => {
    const clock = new VirtualClock();
    await saved(clock, 50);
    const file = await readFile(path);
    for (let at = 0; at < file.length; at += 37) {
      const damaged = Buffer.from(file);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      await writeFile(path, damaged);
      const cache = newCache();
      await expect(new Snapshot(path, cache, clock).load(staleSecondsMax)).rejects.toThrow(
        SnapshotRefused,
      );
      expect(cache.figures().entries).toBe(0);
    }
  });

  test.each([0, 7, 19, 20, 55, 500])(
    'a file cut off after %i octets is refused',
    async (length) => {
      const clock = new VirtualClock();
      await saved(clock, 50);
      await writeFile(path, (await readFile(path)).subarray(0, length));
      const snapshot = new Snapshot(path, newCache(), clock);
      await expect(snapshot.load(staleSecondsMax)).rejects.toThrow(SnapshotRefused);
    },
  );

  test('another version is refused and named', async () => {
    const clock = new VirtualClock();
    await saved(clock, 1);
    const file = await readFile(path);
    file.writeUInt32BE(2, 8);
    await writeFile(path, file);
    const snapshot = new Snapshot(path, newCache(), clock);
    await expect(snapshot.load(staleSecondsMax)).rejects.toThrow('it has version 2');
  });

  test('one from the future is refused: TTLs could not be counted', async () => {
    const clock = new VirtualClock();
    await clock.advance(10 * 3_600_000);
    await saved(clock, 1);
    const snapshot = new Snapshot(path, newCache(), new VirtualClock());
    await expect(snapshot.load(staleSecondsMax)).rejects.toThrow('future');
  });

  test('the file is replaced as a whole: nothing else is left in its place', async () => {
    const clock = new VirtualClock();
    const cache = await saved(clock, 5);
    const snapshot = new Snapshot(path, cache, clock);
    expect(await Promise.all([snapshot.save(), snapshot.save()])).toEqual([6, 6]);
    expect(await readdir(join(directory, 'deeper'))).toEqual(['cache.snapshot']);
  });

  test('a directory that cannot be written is an error, and the old file stays', async () => {
    const clock = new VirtualClock();
    const cache = await saved(clock, 5);
    const snapshot = new Snapshot(join(path, 'under-a-file'), cache, clock);
    await expect(snapshot.save()).rejects.toThrow();
    expect(await new Snapshot(path, newCache(), clock).load(staleSecondsMax)).toBe(6);
  });
});

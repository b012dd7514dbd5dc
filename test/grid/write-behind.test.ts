import { expect, test } from '@jest/globals';
import { WriteBehind } from '../../src/grid/write-behind.ts';

/** As many as are written at a time. */
const concurrency = 64;

test('writes beyond so many at a time wait for their turn, and are told of when they are done', async () => {
  const writes = new WriteBehind(1000, () => undefined);
  const first = Promise.withResolvers<boolean>();
  for (let i = 0; i < concurrency; i++) void writes.push(() => first.promise);
  let isWritten = false;
  const pushed = writes.push(() => {
    isWritten = true;
    return Promise.resolve(true);
  });
  expect(isWritten).toBe(false);
  first.resolve(true);
  await expect(pushed).resolves.toBe(true);
  expect(isWritten).toBe(true);
});

test('a write that is dropped keeps nobody waiting, and is told of', async () => {
  let drops = 0;
  const writes = new WriteBehind(1, () => drops++);
  const never = new Promise<boolean>(() => undefined);
  for (let i = 0; i < concurrency; i++) void writes.push(() => never);
  const dropped = writes.push(() => never);
  void writes.push(() => never);
  await expect(dropped).resolves.toBe(false);
  expect(drops).toBe(1);
});

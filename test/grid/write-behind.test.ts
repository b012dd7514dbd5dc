import { expect, test } from '@jest/globals';
import { WriteBehind } from '../../src/grid/write-behind.ts';

/** As many as are written at a time. */
const concurrency = 64;

test('whoever waits for a write waits for one that is still queued as well', async () => {
  const writes = new WriteBehind(1000, () => undefined);
  const first = Promise.withResolvers<boolean>();
  for (let i = 0; i < concurrency; i++) void writes.push(`busy${String(i)}`, () => first.promise);
  let isWritten = false;
  const pushed = writes.push('wanted', () => {
    isWritten = true;
    return Promise.resolve(true);
  });
  const written = writes.written('wanted');
  first.resolve(true);
  await written;
  expect(isWritten).toBe(true);
  await expect(pushed).resolves.toBe(true);
});

test('a write that is dropped keeps nobody waiting, and is told of', async () => {
  const writes = new WriteBehind(1, () => undefined);
  const never = new Promise<boolean>(() => undefined);
  for (let i = 0; i < concurrency; i++) void writes.push(`busy${String(i)}`, () => never);
  const dropped = writes.push('dropped', () => never);
  const written = writes.written('dropped');
  void writes.push('newer', () => never);
  await expect(written).resolves.toBeUndefined();
  await expect(dropped).resolves.toBe(false);
});

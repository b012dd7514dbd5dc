import { expect, test } from '@jest/globals';
import { WriteBehind } from '../../src/grid/write-behind.ts';

/** As many as are written at a time. */
const concurrency = 64;

test('whoever waits for a write waits for one that is still queued as well', async () => {
  const writes = new WriteBehind(1000, () => undefined);
  const first = Promise.withResolvers<void>();
  for (let i = 0; i < concurrency; i++) writes.push(`busy${String(i)}`, () => first.promise);
  let isWritten = false;
  writes.push('wanted', () => {
    isWritten = true;
    return Promise.resolve();
  });
  const written = writes.written('wanted');
  first.resolve();
  await written;
  expect(isWritten).toBe(true);
});

test('a write that is dropped keeps nobody waiting', async () => {
  const writes = new WriteBehind(1, () => undefined);
  const never = new Promise<void>(() => undefined);
  for (let i = 0; i < concurrency; i++) writes.push(`busy${String(i)}`, () => never);
  writes.push('dropped', () => never);
  const written = writes.written('dropped');
  writes.push('newer', () => never);
  await expect(written).resolves.toBeUndefined();
});

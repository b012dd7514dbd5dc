import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sha256Hex } from '../../src/base/digest.ts';
import type { SharedCopies, SharedCopy } from '../../src/filter/shared-copies.ts';
import { Leasing } from './leasing.ts';

const url = 'https://lists.example/ads.txt';
const bytesMax = 10_000_000;
/** Random digits do not compress well: several parts. */
const list = Buffer.from(
  Array.from({ length: 60_000 }, () => `${Math.random().toString(36).slice(2)}.example`).join('\n'),
);

let world: Leasing;
let one: SharedCopies;
let two: SharedCopies;
let copy: SharedCopy;
beforeEach(async () => {
  world = new Leasing();
  one = await join('one');
  two = await join('two');
  copy = { url, digest: await sha256Hex(list), validators: { etag: '"1"' } };
});
afterEach(() => world.stop());

async function join(id: string): Promise<SharedCopies> {
  return (await world.join(id)).coordination.sharedCopies;
}

/** What it comes to, on virtual time, with compression in real time. */
async function done<T>(task: Promise<T>): Promise<T> {
  let isDone = false;
  const settle = (): void => {
    isDone = true;
  };
  task.then(settle, settle);
  while (!isDone) {
    await world.clock.advance(50);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return task;
}

function entries() {
  return world.grid.peek('heimdall.lists');
}

/** What somebody else puts in the place of an entry. */
function replace(key: string, value: Buffer): void {
  const entry = entries().get(key);
  if (entry === undefined) throw new Error(`there is no ${key}`);
  entries().set(key, { ...entry, value });
}

describe('a list that one replica has fetched', () => {
  test('is had by the others, octet by octet, until it is to be asked for again', async () => {
    expect(await done(two.look(url))).toBeUndefined();
    await done(one.share(copy, list, 60_000));
    expect([...entries().keys()].filter((key) => key.startsWith(`${url}?`)).length).toBeGreaterThan(
      1,
    );
    expect(await done(two.look(url))).toEqual(copy);
    expect(await done(two.read(copy, bytesMax))).toEqual(list);
    await world.clock.advance(61_000);
    expect(await done(two.look(url))).toBeUndefined();
  });

  test('is not had where a part is gone or another, or where there is too much of it', async () => {
    await done(one.share(copy, list, 60_000));
    expect(await done(two.read(copy, list.length - 1))).toBeUndefined();
    const part = `${url}?${copy.digest}/1`;
    replace(part, Buffer.from('rubbish'));
    expect(await done(two.read(copy, bytesMax))).toBeUndefined();
    entries().delete(part);
    expect(await done(two.read(copy, bytesMax))).toBeUndefined();
  });

  test('is not believed without our seal', async () => {
    await done(one.share(copy, list, 60_000));
    replace(url, Buffer.from(JSON.stringify({ digest: copy.digest })));
    expect(await done(two.look(url))).toBeUndefined();
  });

  test('stays where it is when it is too large for a grid', async () => {
    const noise = Buffer.alloc(17 * 1024 * 1024);
    for (let at = 0; at < noise.length; at += 4) noise.writeUInt32LE(Math.random() * 2 ** 32, at);
    await done(one.share(copy, noise, 60_000));
    expect(entries().size).toBe(0);
  });
});

describe('who asks the server', () => {
  test('is one replica, and another when that one is gone', async () => {
    expect(await done(one.claim(url, 30_000))).toBe(true);
    expect(await done(one.claim(url, 30_000))).toBe(true);
    expect(await done(two.claim(url, 30_000))).toBe(false);
    await world.clock.advance(31_000);
    expect(await done(two.claim(url, 30_000))).toBe(true);
  });

  test('is each when the grid is gone, after one wait for it', async () => {
    world.grid.cutOff('one');
    world.grid.cutOff('two');
    for (const replica of [one, two]) {
      expect(await done(replica.look(url))).toBeUndefined();
      expect(await done(replica.claim(url, 30_000))).toBe(true);
    }
  });
});

import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { frame, FrameReader } from '../../src/dns/frame-reader.ts';

const messages = [
  Buffer.alloc(0),
  Buffer.from('one'),
  Buffer.alloc(65_535, 7),
  Buffer.alloc(600, 8),
  Buffer.from('x'),
];
const stream = Buffer.concat(messages.map(frame));

/** Takes all that is complete. */
function takeAll(reader: FrameReader): Buffer[] {
  const taken: Buffer[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) taken.push(next);
  return taken;
}

/** Compared by `equals`: the matchers of jest go through large buffers octet by octet. */
function expectMessages(read: readonly Buffer[]): void {
  expect(read.map(({ length }) => length)).toEqual(messages.map(({ length }) => length));
  expect(Buffer.concat(read).equals(Buffer.concat(messages))).toBe(true);
}

describe('framing of messages over TCP (RFC 1035 section 4.2.2)', () => {
  test('a message stands behind its length', () => {
    expect(frame(Buffer.from('abc'))).toEqual(Buffer.from([0, 3, 0x61, 0x62, 0x63]));
  });

  test.each([1, 2, 3, 511, 1000, 70_000])('reads a stream in chunks of %d octets', (size) => {
    const reader = new FrameReader();
    const read: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) {
      reader.push(stream.subarray(at, at + size));
      read.push(...takeAll(reader));
    }
    expectMessages(read);
    expect(reader.pendingBytes).toBe(0);
  });

  test('reads a stream whatever the chunks are, and whenever the messages are taken', () => {
    const random = new SeededRandom(5);
    for (let run = 0; run < 50; run++) {
      const reader = new FrameReader();
      const read: Buffer[] = [];
      for (let at = 0; at < stream.length;) {
        const end = at + Math.ceil(random.fraction() ** 4 * stream.length);
        reader.push(stream.subarray(at, end));
        at = end;
        if (random.fraction() < 0.7) read.push(...takeAll(reader));
      }
      read.push(...takeAll(reader));
      expectMessages(read);
    }
  });

  test('a message that lies whole in a chunk is a view of it: nothing is copied', () => {
    const reader = new FrameReader();
    const chunk = Buffer.concat([frame(Buffer.from('one')), frame(Buffer.from('two'))]);
    reader.push(chunk);
    for (const message of takeAll(reader)) expect(message.buffer).toBe(chunk.buffer);
  });

  test('a message in pieces keeps nothing of the chunks that brought it', () => {
    const reader = new FrameReader();
    const framed = frame(Buffer.from('in pieces'));
    const chunk = Buffer.from(framed.subarray(0, 5));
    reader.push(chunk);
    expect(reader.next()).toBeUndefined();
    chunk.fill(0xff);
    reader.push(framed.subarray(5));
    expect(reader.next()).toEqual(Buffer.from('in pieces'));
  });

  test('what is not taken stays, and is told as pending', () => {
    const reader = new FrameReader();
    reader.push(Buffer.concat([frame(Buffer.from('one')), frame(Buffer.from('two'))]));
    expect(reader.next()?.toString()).toBe('one');
    expect(reader.pendingBytes).toBe(5);
    reader.push(frame(Buffer.from('three')).subarray(0, 4));
    expect(takeAll(reader).map(String)).toEqual(['two']);
    expect(reader.pendingBytes).toBe(4);
  });

  test('a length that was only announced costs nothing: 1,000 readers hold what they received', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 1000 }, () => new FrameReader());
    for (const reader of readers) {
      reader.push(Buffer.from([0xff, 0xff, 1]));
      expect(reader.next()).toBeUndefined();
    }
    expect(readers.reduce((sum, { pendingBytes }) => sum + pendingBytes, 0)).toBe(3000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000);
  });
});

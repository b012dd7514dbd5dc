import { describe, expect, test } from '@jest/globals';
import { returnMemory } from '../../src/datagram/return-memory.ts';
import { systemCalls } from './altered-calls.ts';

const mebibyte = 1024 ** 2;

describe('memory that is returned', () => {
  test('the process has it no more, and what lies beside it stays', () => {
    const memory = new ArrayBuffer(96 * mebibyte);
    const bytes = Buffer.from(memory).fill(1);
    const before = process.memoryUsage.rss();
    const [start, end] = [mebibyte + 13, 90 * mebibyte + 13];
    returnMemory(systemCalls(), memory, start, end);
    expect(process.memoryUsage.rss()).toBeLessThan(before - 80 * mebibyte);
    expect(bytes.subarray(0, start).every((octet) => octet === 1)).toBe(true);
    expect(bytes.subarray(end).every((octet) => octet === 1)).toBe(true);
    expect(bytes[40 * mebibyte]).toBe(0);
    bytes.fill(2, start, end);
    expect(bytes[40 * mebibyte]).toBe(2);
  });

  test('less than a page is left alone', () => {
    const memory = new ArrayBuffer(mebibyte);
    const bytes = Buffer.from(memory).fill(1);
    const { pageBytes } = systemCalls();
    returnMemory(systemCalls(), memory, 100, 100 + pageBytes - 1);
    returnMemory(systemCalls(), memory, 500, 500);
    expect(bytes.every((octet) => octet === 1)).toBe(true);
  });
});

import type { SystemCalls } from './system-calls.ts';

/** What returning memory needs of the system. */
export type PageCalls = Pick<SystemCalls, 'addressOf' | 'forgetPages' | 'pageBytes'>;

/**
 * Gives the whole pages among the octets from `start` to `end` of `memory` back to the system: what
 * stood there reads as zero. The ArrayBuffer keeps its length, and may be written there again.
 */
export function returnMemory(
  calls: PageCalls,
  memory: ArrayBuffer,
  start: number,
  end: number,
): void {
  const { pageBytes } = calls;
  const base = calls.addressOf(memory);
  const first = Math.ceil((base + start) / pageBytes) * pageBytes;
  // The kernel rounds a length up to whole pages, which would take what lies behind the end.
  const behind = Math.floor((base + end) / pageBytes) * pageBytes;
  // Where it fails (memory that is locked) nothing changes, and nobody could do anything.
  if (behind > first) calls.forgetPages(first, behind - first);
}

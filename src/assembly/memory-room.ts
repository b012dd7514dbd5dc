import type { ProcessMemory } from '../base/process-memory.ts';
import type { Clock } from '../base/clock.ts';
import type { AnswerStore, ReturnMemory } from '../cache/answer-store.ts';
import { MemoryCeiling } from '../cache/memory-ceiling.ts';
import type { Config } from '../config/schema.ts';
import { returnMemory } from '../datagram/return-memory.ts';
import type { Log } from '../telemetry/log.ts';
import type { UdpTransport } from './udp-transport.ts';

/** What is left free of a container's memory: buffers of its sockets, and what a scrape takes. */
const containerShare = 0.85;
/** What a process takes beside its answers when little is asked of it (docs/benchmarks.md). */
const baseBytes = 128 * 1024 * 1024;

/** The memory that a process may take before its cache gives way. */
export interface MemoryRoom {
  readonly bytesMax: number;
  readonly residentBytes: () => number;
  readonly returnMemory: ReturnMemory;
}

/** What all processes of the replica may take together; undefined where nothing bounds them. */
export function processBytesMax({ cache }: Config, memory: ProcessMemory): number | undefined {
  if (cache.processBytesMax === 'off') return undefined;
  if (cache.processBytesMax !== 'auto') return cache.processBytesMax;
  const containerBytes = memory.containerBytesMax();
  return containerBytes === undefined ? undefined : Math.floor(containerBytes * containerShare);
}

/** The part of a process that keeps `cacheBytes` of the answers, one of so many processes. */
export function shareOf(
  bytesMax: number | undefined,
  cacheBytes: number,
  { cache }: Config,
  processes: number,
): number | undefined {
  if (bytesMax === undefined) return undefined;
  const weight = (baseBytes + cacheBytes) / (processes * baseBytes + cache.maxBytes);
  return Math.floor(bytesMax * weight);
}

export interface RoomParts {
  readonly memory: ProcessMemory;
  readonly udp: Pick<UdpTransport, 'calls'>;
}

/**
 * Undefined where there is no bound, or where what the cache gives up would not be free for others:
 * without the system's calls.
 */
export function memoryRoom(
  bytesMax: number | undefined,
  { memory, udp: { calls } }: RoomParts,
): MemoryRoom | undefined {
  if (bytesMax === undefined || calls === undefined) return undefined;
  return {
    bytesMax,
    residentBytes: () => memory.residentBytes(),
    returnMemory: (block, start, end) => returnMemory(calls, block, start, end),
  };
}

/** Undefined where the cache never gives way. */
export function memoryCeiling(
  store: AnswerStore,
  parts: { readonly memoryRoom?: MemoryRoom | undefined; readonly clock: Clock; readonly log: Log },
): MemoryCeiling | undefined {
  const { memoryRoom: room, clock, log } = parts;
  if (room === undefined) return undefined;
  const { bytesMax } = room;
  const observer = {
    shortened: (residentBytes: number) =>
      log.warn('memory is short: the cache gives way', { residentBytes, bytesMax }),
    restored: (residentBytes: number) =>
      log.info('the cache has all of its memory again', { residentBytes, bytesMax }),
  };
  return new MemoryCeiling(store, { ...room, clock, observer });
}

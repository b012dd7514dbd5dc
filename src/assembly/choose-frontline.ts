import type { Clock } from '../base/clock.ts';
import type { ProcessMemory } from '../base/process-memory.ts';
import type { Config } from '../config/schema.ts';
import type { InheritedSocket } from '../listen/inherited-sockets.ts';
import { workersForThisMachine } from '../pod/worker-count.ts';
import type { Readiness } from '../telemetry/readiness.ts';
import type { Log } from '../telemetry/log.ts';
import type { WinstonLog } from '../telemetry/winston-log.ts';
import { memoryRoom, processBytesMax, shareOf } from './memory-room.ts';
import type { MemoryRoom, RoomParts } from './memory-room.ts';
import { OwnSockets } from './frontline.ts';
import type { Frontline } from './frontline.ts';
import { cacheShares, PodWorkers } from './pod-workers.ts';
import type { Resolver } from './resolver.ts';
import type { UdpTransport } from './udp-transport.ts';

export interface FrontlineDependencies {
  readonly clock: Clock;
  readonly log: WinstonLog;
  readonly udp: UdpTransport;
  readonly memory: ProcessMemory;
  /** What a worker is started from; without it there are no other processes. */
  readonly workerFile?: URL;
  /** Sockets that were bound before this process began; one process alone can serve them. */
  readonly inherited?: readonly InheritedSocket[];
}

/** How many processes answer clients; 1: the one that was started. */
export function workerCount(
  config: Config,
  { workerFile, inherited = [] }: FrontlineDependencies,
): number {
  if (workerFile === undefined || inherited.length > 0) return 1;
  return config.workers === 'auto' ? workersForThisMachine() : config.workers;
}

/** What the process that asks upstreams may keep of `cache.maxBytes`. */
export function ownCacheBytes(config: Config, workers: number): number {
  return workers === 1 ? config.cache.maxBytes : cacheShares(config, workers).primary;
}

/** See {@link memoryRoom}: for the process that asks upstreams, and tells if nothing comes of it. */
export function ownMemoryRoom(
  config: Config,
  workers: number,
  parts: RoomParts & { readonly log: Log },
): MemoryRoom | undefined {
  const all = processBytesMax(config, parts.memory);
  if (all !== undefined && parts.udp.calls === undefined) {
    const option = 'cache.processBytesMax';
    parts.log.warn('no ceiling of memory: it needs the system calls of batched UDP', { option });
  }
  const processes = workers === 1 ? 1 : workers + 1;
  return memoryRoom(shareOf(all, ownCacheBytes(config, workers), config, processes), parts);
}

/** The sockets of this process, or workers where there are to be several. */
export function chooseFrontline(
  config: Config,
  workers: number,
  parts: FrontlineDependencies & { readonly resolver: Resolver; readonly readiness: Readiness },
): Frontline {
  const { workerFile } = parts;
  if (workers === 1 || workerFile === undefined) return new OwnSockets({ ...parts, config });
  return new PodWorkers({ ...parts, config, count: workers, workerFile });
}

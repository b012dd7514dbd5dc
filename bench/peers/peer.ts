import type { ServerProcess } from '../support/server-process.ts';

/** What every server of a comparison gets alike. */
export interface PeerSetting {
  /** Port of 127.0.0.1 for queries. */
  readonly port: number;
  /** Port of 127.0.0.1 for metrics, where the server has them over HTTP. */
  readonly metricsPort: number;
  /** Port of 127.0.0.1 of the authoritative server. */
  readonly upstreamPort: number;
  readonly cacheBytes: number;
  /** For servers that count entries instead of bytes. */
  readonly cacheEntries: number;
  /** For configuration files. */
  readonly directory: string;
}

/** A server that can be compared. */
export interface Peer {
  readonly name: string;
  /** Whether it answers over TCP, asks an upstream and caches; the ceiling does none of it. */
  readonly isResolver: boolean;
  /** Why it cannot take part on this machine; undefined when it can. May build it first. */
  unavailable(): string | undefined;
  start(setting: PeerSetting): Promise<ServerProcess>;
}

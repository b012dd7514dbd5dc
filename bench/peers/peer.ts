import type { ServerProcess } from '../support/server-process.ts';

/** What a benchmark asks over. */
export type BenchTransport = 'udp' | 'tcp' | 'dot' | 'doh';

/** Certificate and ports for the servers that encrypt. */
export interface EncryptedSetting {
  readonly tlsPort: number;
  readonly httpsPort: number;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** What every server of a comparison gets alike. */
export interface PeerSetting {
  /** Port of 127.0.0.1 for queries. */
  readonly port: number;
  /** Port of 127.0.0.1 for metrics, where the server has them over HTTP. */
  readonly metricsPort: number;
  /** Port of 127.0.0.1 of the authoritative server. */
  readonly upstreamPort: number;
  readonly cacheBytes: number;
  /** For servers that count entries instead of bytes; undefined: as many as `cacheBytes` hold. */
  readonly cacheEntries: number | undefined;
  /** Undefined where nothing is to be encrypted. */
  readonly encrypted: EncryptedSetting | undefined;
  /** For configuration files. */
  readonly directory: string;
}

/** A server that can be compared. */
export interface Peer {
  readonly name: string;
  /** Whether it is one of several forms of Heimdall that are no rivals of one another. */
  readonly isOwn: boolean;
  /** What it can be asked over. */
  readonly transports: readonly BenchTransport[];
  /** Whether it asks an upstream and caches; the ceiling does neither. */
  readonly isResolver: boolean;
  /** Why it cannot take part on this machine; undefined when it can. May build it first. */
  unavailable(): string | undefined;
  start(setting: PeerSetting): Promise<ServerProcess>;
}

/** Entries for a server that counts them: the number given, or what fits into the same memory. */
export function entriesFor(
  { cacheBytes, cacheEntries }: PeerSetting,
  bytesPerEntry: number,
): string {
  return String(cacheEntries ?? Math.floor(cacheBytes / bytesPerEntry));
}

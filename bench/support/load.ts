import type { BenchTransport } from '../peers/peer.ts';

export interface Load {
  readonly port: number;
  /** One `NAME TYPE` a line. */
  readonly queryFile: string;
  readonly transport: BenchTransport;
  /** For so many seconds, or once through the file. */
  readonly length: { readonly seconds: number } | 'once';
  /** Queries per second that are offered; undefined: as many as are answered. */
  readonly rate?: number;
  /** Sockets or connections that it asks from; 20 where it is left out. */
  readonly clients?: number;
  /** Queries that may be without an answer at a time; 200 where it is left out. */
  readonly inFlight?: number;
  /** The address that is asked from; the system chooses one where it is left out. */
  readonly source?: string;
  /** Whether most of it is to be turned away, so that answers may hold nothing and wait for none. */
  readonly isTurnedAway?: boolean;
}

export interface LoadReport {
  readonly sent: number;
  readonly completed: number;
  readonly lost: number;
  readonly queriesPerSecond: number;
  readonly averageLatencyMs: number;
  /** Undefined where single latencies were not looked at: under a load without a rate. */
  readonly latency?: Latency;
  /** Responses by rcode, as dnsperf names them. */
  readonly responseCodes: Readonly<Record<string, number>>;
}

/** In milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  /** Of the queries that were to be hits, where some were not. */
  readonly hitP99?: number;
}

/** Of numbers in any order; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

import { rmSync } from 'node:fs';
import { startNsd } from '../peers/nsd.ts';
import type { Peer } from '../peers/peer.ts';
import { scratchDirectory } from './directories.ts';
import { runDnsperf } from './dnsperf.ts';
import type { Load, LoadReport } from './dnsperf.ts';
import { freePort } from './free-port.ts';
import { cpuMicroseconds, residentBytes } from './process-usage.ts';
import { writeQueryFile } from './query-file.ts';
import type { ServerProcess } from './server-process.ts';

/** What one load did to one server. */
export interface Measurement {
  readonly report: LoadReport;
  /** Of the server, all threads and children, over the answers that dnsperf received. */
  readonly cpuMicrosecondsPerAnswer: number;
  /** After the load. */
  readonly residentBytes: number;
}

export interface ComparisonOptions {
  readonly peers: readonly Peer[];
  /** Names of the zone and of the query file. */
  readonly names: number;
  readonly cacheBytes: number;
}

/** A load that asks for the names `from` to `to - 1` of the zone; for all where they are left out. */
export interface NamedLoad extends Pick<Load, 'transport' | 'length'> {
  readonly from?: number;
  readonly to?: number;
}

/** The upstream, the query files and the means to start servers, for the time of one comparison. */
export class Comparison {
  readonly #options: ComparisonOptions;
  readonly #directory: string;
  readonly #upstream: ServerProcess;
  readonly #running = new Set<ServerProcess>();

  private constructor(options: ComparisonOptions, directory: string, upstream: ServerProcess) {
    this.#options = options;
    this.#directory = directory;
    this.#upstream = upstream;
  }

  /** Runs a task with everything in place, and takes it down again whatever happens. */
  static async run<T>(
    options: ComparisonOptions,
    task: (comparison: Comparison) => Promise<T>,
  ): Promise<T> {
    const directory = scratchDirectory();
    try {
      const upstream = await startNsd(directory, await freePort(), options.names);
      const comparison = new Comparison(options, directory, upstream);
      try {
        return await task(comparison);
      } finally {
        await Promise.all([...comparison.#running, upstream].map((server) => server.stop()));
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  async start(peer: Peer): Promise<ServerProcess> {
    const { cacheBytes, names } = this.#options;
    const server = await peer.start({
      port: await freePort(),
      metricsPort: await freePort(),
      upstreamPort: this.#upstream.port,
      cacheBytes,
      cacheEntries: Math.max(entriesMin, names * 2),
      directory: this.#directory,
    });
    this.#running.add(server);
    return server;
  }

  async stop(server: ServerProcess): Promise<void> {
    await server.stop();
    this.#running.delete(server);
  }

  /** Puts a load on a server, of all names or of some, and reads what it cost the server. */
  async measure(server: ServerProcess, load: NamedLoad): Promise<Measurement> {
    const { from = 0, to = this.#options.names, transport, length } = load;
    const queryFile = writeQueryFile(this.#directory, from, to);
    const before = cpuMicroseconds(server.pid);
    const report = await runDnsperf({ port: server.port, queryFile, transport, length });
    const spent = cpuMicroseconds(server.pid) - before;
    return {
      report,
      cpuMicrosecondsPerAnswer: spent / report.completed,
      residentBytes: residentBytes(server.pid),
    };
  }
}

/** CoreDNS spreads its entries over 256 shards, and a shard that is full evicts before others. */
const entriesMin = 100_000;

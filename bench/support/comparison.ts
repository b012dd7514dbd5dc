import { rmSync } from 'node:fs';
import { startCounting } from '../peers/ceiling.ts';
import { startNsd } from '../peers/nsd.ts';
import type { EncryptedSetting, Peer } from '../peers/peer.ts';
import { makeCertificate } from './certificate.ts';
import { scratchDirectory } from './directories.ts';
import { runDnsperf } from './dnsperf.ts';
import { freePort } from './free-port.ts';
import { runH2load } from './h2load.ts';
import type { Load, LoadReport } from './load.ts';
import { cpuMicroseconds, residentBytes } from './process-usage.ts';
import { writeQueryFile } from './query-file.ts';
import type { ServerProcess } from './server-process.ts';

/** What one load did to one server. */
export interface Measurement {
  readonly report: LoadReport;
  /** Of the server, all threads and children, over the answers that the client received. */
  readonly cpuMicrosecondsPerAnswer: number;
  /** After the load. */
  readonly residentBytes: number;
}

export interface ComparisonOptions {
  /** Names of the zone and of the query file. */
  readonly names: number;
  readonly cacheBytes: number;
  /** Whether servers that count entries get as many as `cacheBytes` hold; else twice the names. */
  readonly isCacheTight?: boolean;
  /** Whether the servers encrypt as well. */
  readonly isEncrypted?: boolean;
  /** Whether the upstream is one that counts and knows every name, instead of a real one. */
  readonly isUpstreamCounted?: boolean;
}

/** A load that asks for the names `from` to `to - 1` of the zone; for all where they are left out. */
export interface NamedLoad extends Omit<Load, 'port' | 'queryFile'> {
  readonly from?: number;
  readonly to?: number;
  /** Instead of names in their order. */
  readonly queryFile?: string;
}

/** A server under comparison and where it is asked. */
export interface RunningPeer {
  readonly server: ServerProcess;
  readonly encrypted: EncryptedSetting | undefined;
}

/** The upstream, the query files and the means to start servers, for the time of one comparison. */
export class Comparison {
  readonly directory: string;
  readonly upstream: ServerProcess;
  readonly #options: ComparisonOptions;
  readonly #certificate: Certificate | undefined;
  readonly #running = new Set<RunningPeer>();

  private constructor(
    options: ComparisonOptions,
    directory: string,
    upstream: ServerProcess,
    certificate: Certificate | undefined,
  ) {
    this.#options = options;
    this.directory = directory;
    this.upstream = upstream;
    this.#certificate = certificate;
  }

  /** Runs a task with everything in place, and takes it down again whatever happens. */
  static async run<T>(
    options: ComparisonOptions,
    task: (comparison: Comparison) => Promise<T>,
  ): Promise<T> {
    const directory = scratchDirectory();
    try {
      const certificate = options.isEncrypted === true ? makeCertificate(directory) : undefined;
      const port = await freePort();
      const upstream =
        options.isUpstreamCounted === true
          ? await startCounting(port)
          : await startNsd(directory, port, options.names);
      const comparison = new Comparison(options, directory, upstream, certificate);
      try {
        return await task(comparison);
      } finally {
        const servers = [...comparison.#running].map(({ server }) => server);
        await Promise.all([...servers, upstream].map((server) => server.stop()));
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  async start(peer: Peer): Promise<RunningPeer> {
    const { cacheBytes, names, isCacheTight = false } = this.#options;
    const encrypted =
      this.#certificate === undefined
        ? undefined
        : { ...this.#certificate, tlsPort: await freePort(), httpsPort: await freePort() };
    const server = await peer.start({
      port: await freePort(),
      metricsPort: await freePort(),
      upstreamPort: this.upstream.port,
      cacheBytes,
      cacheEntries: isCacheTight ? undefined : Math.max(entriesMin, names * 2),
      encrypted,
      directory: this.directory,
    });
    const running = { server, encrypted };
    this.#running.add(running);
    return running;
  }

  async stop(running: RunningPeer): Promise<void> {
    await running.server.stop();
    this.#running.delete(running);
  }

  /** Puts a load on a server, of all names or of some, and reads what it cost the server. */
  measure(running: RunningPeer, load: NamedLoad): Promise<Measurement> {
    const { pid } = running.server;
    return this.measureProcess({ pid, port: portOf(running, load) }, load);
  }

  /** The same for a process that was started elsewhere. */
  async measureProcess(
    server: { readonly pid: number; readonly port: number },
    load: NamedLoad,
  ): Promise<Measurement> {
    const { from = 0, to = this.#options.names, ...rest } = load;
    const queryFile = load.queryFile ?? writeQueryFile(this.directory, from, to);
    const before = cpuMicroseconds(server.pid);
    const report = await runLoad({ ...rest, port: server.port, queryFile });
    const spent = cpuMicroseconds(server.pid) - before;
    return {
      report,
      cpuMicrosecondsPerAnswer: spent / report.completed,
      residentBytes: residentBytes(server.pid),
    };
  }
}

type Certificate = Pick<EncryptedSetting, 'certificateFile' | 'keyFile'>;

function runLoad(load: Load): Promise<LoadReport> {
  return load.transport === 'doh' ? runH2load(load) : runDnsperf(load);
}

function portOf({ server, encrypted }: RunningPeer, { transport }: NamedLoad): number {
  if (transport === 'dot') return encrypted?.tlsPort ?? 0;
  return transport === 'doh' ? (encrypted?.httpsPort ?? 0) : server.port;
}

/** CoreDNS spreads its entries over 256 shards, and a shard that is full evicts before others. */
const entriesMin = 100_000;

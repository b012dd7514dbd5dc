import { formatAddress } from '../base/address.ts';
import type { SocketAddress } from '../base/address.ts';
import type { ProcessMemory } from '../base/process-memory.ts';
import type { Flush } from '../cache/bulletins.ts';
import { redact } from '../config/changes.ts';
import type { Config } from '../config/schema.ts';
import { queriesUnderWayMax } from '../listen/waiting-queries.ts';
import { AsksOfWorker } from '../pod/asks-of-worker.ts';
import { flushToText } from '../pod/control.ts';
import type { WorkerSetup } from '../pod/control.ts';
import { WorkerPool } from '../pod/worker-pool.ts';
import { WorkerProcess } from '../pod/worker-process.ts';
import type { SlotObserver } from '../pod/worker-slot.ts';
import type { FilterPause } from '../filter/filter-pauses.ts';
import type { LogChange } from '../telemetry/admin-actions.ts';
import type { CacheFigures, Totals } from '../telemetry/figures.ts';
import type { Log } from '../telemetry/log.ts';
import type { PodMetrics } from '../telemetry/metrics.ts';
import type { Readiness } from '../telemetry/readiness.ts';
import type { Sources } from '../telemetry/sample.ts';
import { WorkerTotals } from '../telemetry/worker-totals.ts';
import type { WorkersFigures, WorkerStatus } from '../telemetry/workers-figures.ts';
import type { Frontline, FrontlineParts } from './frontline.ts';
import { processBytesMax, shareOf } from './memory-room.ts';
import { findAddresses, withAddresses } from './shared-addresses.ts';
import type { SharedAddresses } from './shared-addresses.ts';

/** An order is done within milliseconds; a scrape or a flush does not wait longer for one that hangs. */
const orderMsMax = 1000;

export interface PodParts extends Omit<FrontlineParts, 'udp'> {
  readonly log: Log & { readonly level: WorkerSetup['logLevel'] };
  readonly readiness: Readiness;
  readonly count: number;
  readonly memory: ProcessMemory;
  /** What a worker is started from. */
  readonly workerFile: URL;
}

/** What `cache.maxBytes` comes to: half for the primary, the other half for the workers. */
export function cacheShares(config: Config, workers: number): { primary: number; worker: number } {
  const half = Math.floor(config.cache.maxBytes / 2);
  return { primary: half, worker: Math.floor(half / workers) };
}

/** Worker processes that take the queries of clients, and ask this one what they do not know. */
export class PodWorkers implements Frontline {
  readonly workers: WorkersFigures;
  readonly podMetrics: PodMetrics;
  readonly #parts: PodParts;
  readonly #totals = new WorkerTotals();
  readonly #pool: WorkerPool;
  #config: Config;
  #addresses: SharedAddresses = { clear: [], tls: [], https: [] };
  #isOpen = false;

  constructor(parts: PodParts) {
    const { clock, count, config } = parts;
    this.#parts = parts;
    this.#config = config;
    this.#pool = new WorkerPool(count, {
      clock,
      startWorker: (number) => this.#startWorker(number),
      observer: this.#observer(),
    });
    this.workers = { status: () => this.#status(), restarts: () => this.#pool.restarts };
    this.podMetrics = {
      collect: () => this.#collect(),
      processPage: (own) => this.#totals.processPage(own),
    };
    parts.resolver.onFlush((flush) => void this.flush(flush)); // of another replica
    parts.resolver.onPause((pause) => void this.pauseFilter(pause)); // the same
  }

  get addresses(): readonly SocketAddress[] {
    return this.#addresses.clear;
  }

  connections(): Totals {
    return {}; // each worker tells its own
  }

  certificate(): undefined {
    return undefined; // the same
  }

  describe(): string[] {
    const { clear, tls, https } = this.#addresses;
    const where = [
      ...clear.map((address) => `${formatAddress(address)} (UDP and TCP)`),
      ...tls.map((address) => `${formatAddress(address)} (TLS)`),
      ...https.map((address) => `${formatAddress(address)} (HTTPS)`),
    ];
    return where.length === 0 ? ['nothing'] : [...where, `${String(this.#parts.count)} workers`];
  }

  async open(): Promise<void> {
    this.#addresses = await findAddresses(this.#config, undefined);
    await this.#pool.start();
    this.#isOpen = true;
  }

  async drain(graceMs: number): Promise<number> {
    this.#isOpen = false;
    await this.#pool.stop(graceMs);
    return 0; // each worker says so itself
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#pool.stop(0);
  }

  async reconfigure(config: Config, changed: readonly string[]): Promise<void> {
    const before = { config: this.#config, addresses: this.#addresses };
    const addresses = await findAddresses(config, before);
    this.#config = config;
    await this.#pool.orderAll({ name: 'reconfigure', config: redact(config) }, orderMsMax);
    if (!changed.some((path) => this.takesOver(path))) return;
    this.#addresses = addresses;
    this.#parts.log.info('workers are replaced one by one', { options: changed });
    try {
      await this.#pool.roll(config.shutdown.graceMs);
    } catch (error) {
      this.#config = before.config; // one that is started again is like those that go on
      this.#addresses = before.addresses;
      throw error;
    }
  }

  takesOver(path: string): boolean {
    return path.startsWith('listen.') && !keptByPrimary.includes(path);
  }

  async flush(flush: Flush): Promise<number> {
    const reports = await this.#pool.orderAll(
      { name: 'flush', flush: flushToText(flush) },
      orderMsMax,
    );
    return reports.reduce((sum, { forgotten = 0 }) => sum + forgotten, 0);
  }

  async setLog(change: LogChange): Promise<void> {
    await this.#pool.orderAll({ name: 'log', change }, orderMsMax);
  }

  async pauseFilter(pause: FilterPause): Promise<void> {
    await this.#pool.orderAll({ name: 'pause', pause }, orderMsMax);
  }

  async setCookieSecrets(secrets: readonly string[]): Promise<void> {
    await this.#pool.orderAll({ name: 'cookies', secrets }, orderMsMax);
  }

  async refreshLists(): Promise<void> {
    await this.#pool.orderAll({ name: 'lists' }, orderMsMax);
  }

  async cacheFigures(own: CacheFigures): Promise<CacheFigures> {
    await this.#collect();
    return this.#totals.cache(own);
  }

  sources(own: Sources): Sources {
    return this.#totals.sources(own);
  }

  async #collect(): Promise<void> {
    await this.#pool.orderAll({ name: 'figures' }, orderMsMax); // reports come by onFigures
  }

  #startWorker(number: number): WorkerProcess {
    const { clock, resolver, log, count, workerFile, memory } = this.#parts;
    const config = this.#config;
    const cacheBytes = cacheShares(this.#parts.config, count).worker;
    const allBytes = processBytesMax(this.#parts.config, memory);
    return new WorkerProcess({
      workerFile,
      clock,
      setup: {
        config: withAddresses(redact(config), this.#addresses),
        addresses: this.#addresses.clear,
        cacheBytes,
        memoryBytesMax: shareOf(allBytes, cacheBytes, this.#parts.config, count + 1),
        logLevel: log.level,
        pauses: resolver.pauses.list(),
        cookieSecrets: resolver.cookies.secrets,
      },
      connect: (carrier) => {
        void new AsksOfWorker(carrier, {
          clock,
          answer: resolver.ask,
          asksMax: () => queriesUnderWayMax(config.listen),
          report: (message, error) => log.error(message, { error }),
        });
      },
      onFigures: (figures) => this.#totals.update(number, figures),
    });
  }

  #observer(): SlotObserver {
    const { log } = this.#parts;
    return {
      changed: () => this.#judgeReadiness(),
      ended: ({ number }) => this.#totals.end(number),
      crashed: ({ handle }, how, restartInMs) =>
        log.error('a worker ended by itself: it is started again', {
          pid: handle.pid,
          how,
          restartInMs,
        }),
    };
  }

  /** Ready while one of them listens; the start waits for all. */
  #judgeReadiness(): void {
    const { readiness } = this.#parts;
    if (this.#pool.listening > 0) readiness.clear('workers');
    else if (this.#isOpen) readiness.block('workers', 'no worker takes queries');
  }

  #status(): WorkerStatus[] {
    return this.#pool.places().map(({ place, state, restarts, current }) => {
      const told = current === undefined ? undefined : this.#totals.of(current.number);
      return {
        place,
        pid: current?.handle.pid ?? null,
        state,
        restarts,
        inFlight: told?.inFlight ?? 0,
        cacheEntries: told?.cache.entries ?? 0,
      };
    });
  }
}

/** The bound on flights is that of the primary, too; the transport was chosen at its start. */
const keptByPrimary = ['listen.queriesInFlightMax', 'listen.udp.responseBytesMax'];

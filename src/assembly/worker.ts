import { sleep } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import type { ProcessMemory } from '../base/process-memory.ts';
import type { Random } from '../base/random.ts';
import type { Config } from '../config/schema.ts';
import { queriesUnderWayMax } from '../listen/waiting-queries.ts';
import { buildWorkerPipeline } from '../pipeline.ts';
import { AskPrimaryStage } from '../pod/ask-primary-stage.ts';
import type { AskOptions } from '../pod/ask-primary-stage.ts';
import { flushFromText } from '../pod/control.ts';
import type { OrderReport, WorkerOrder, WorkerSetup } from '../pod/control.ts';
import type { PrimaryChannel } from '../pod/primary-channel.ts';
import type { LogChange } from '../telemetry/admin-actions.ts';
import type { Dnstap } from '../telemetry/dnstap.ts';
import { HttpCounters } from '../telemetry/http-counters.ts';
import { metricSources } from '../telemetry/metric-sources.ts';
import { totalsOf } from '../telemetry/metrics.ts';
import { OwnProcessMetrics } from '../telemetry/process-metrics.ts';
import { Readiness } from '../telemetry/readiness.ts';
import { ResultCounter } from '../telemetry/result-counter.ts';
import type { Sources } from '../telemetry/sample.ts';
import { UpstreamCounters } from '../telemetry/upstream-counters.ts';
import type { WorkerFigures } from '../telemetry/worker-figures.ts';
import { workerMetricNames } from '../telemetry/worker-totals.ts';
import type { WinstonLog } from '../telemetry/winston-log.ts';
import { Answering } from './answering.ts';
import { dnstapOf } from './dnstap-options.ts';
import { Listeners } from './listeners.ts';
import { memoryRoom } from './memory-room.ts';
import { tracedStages, tracingOf } from './tracing.ts';
import type { Tracing } from './tracing.ts';
import type { UdpTransport } from './udp-transport.ts';

/** The primary ends every ask by itself; beyond its budget this long for the grid and the way. */
const askSlackMs = 2000;
/** Turns of the event loop given to what waits in sockets before they are closed. */
const closingTurnsMax = 100;

export interface WorkerDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: WinstonLog;
  readonly udp: UdpTransport;
  readonly memory: ProcessMemory;
}

/** A worker process: sockets of clients, a small L1, and the primary for all else. */
export class Worker {
  readonly #setup: WorkerSetup;
  readonly #dependencies: WorkerDependencies;
  readonly #askPrimary: AskPrimaryStage;
  readonly #answering: Answering;
  readonly #sources: Sources;
  readonly #process = new OwnProcessMetrics();
  #config: Config;
  readonly #dnstap: Dnstap | undefined;
  readonly #tracing: Tracing | undefined;
  #listeners: Listeners | undefined;

  constructor(setup: WorkerSetup, channel: PrimaryChannel, dependencies: WorkerDependencies) {
    const { config, cacheBytes, memoryBytesMax } = setup;
    this.#setup = setup;
    this.#dependencies = dependencies;
    this.#config = config;
    this.#askPrimary = new AskPrimaryStage(channel.carrier, dependencies.clock, askOptions(config));
    const probes = { noteIfProbe: () => false }; // the primary knows them, and sees those queries
    this.#dnstap = dnstapOf(config, dependencies, `.${String(process.pid)}`);
    this.#tracing = tracingOf(config, dependencies);
    const room = memoryRoom(memoryBytesMax, dependencies);
    const parts = { ...dependencies, cacheBytes, probes, dnstap: this.#dnstap, memoryRoom: room };
    const askPrimary = this.#askPrimary;
    this.#answering = new Answering(config, parts, (upper) =>
      buildWorkerPipeline(tracedStages({ ...upper, askPrimary }, this.#tracing)),
    );
    this.#sources = this.#buildSources();
    for (const pause of setup.pauses) this.#answering.pauses.set(pause);
    this.#answering.cookies.setSecrets(setup.cookieSecrets);
    channel.onOrder((order) => this.#obey(order));
  }

  /** @throws {ListenFailed} and leaves nothing open */
  async start(): Promise<void> {
    const { clock, udp, log } = this.#dependencies;
    const dependencies = { ...this.#answering.forListeners, clock, log };
    const { config, addresses } = this.#setup;
    this.#answering.ceiling?.start();
    await this.#answering.startLists();
    this.#dnstap?.start();
    this.#listeners = await Listeners.open(config, udp, dependencies, {
      sharedAddresses: addresses,
    });
  }

  /** What it counted by now. */
  figures(): WorkerFigures {
    return {
      series: totalsOf(this.#sources, workerMetricNames),
      cache: this.#answering.cacheFigures(),
      inFlight: this.#answering.responder.inFlight,
    };
  }

  async #obey(order: WorkerOrder): Promise<OrderReport> {
    const forgotten = await this.#do(order);
    const figures = { ...this.figures(), process: await this.#process.read() };
    return forgotten === undefined ? { figures } : { figures, forgotten };
  }

  async #do(order: WorkerOrder): Promise<number | undefined> {
    switch (order.name) {
      case 'flush':
        return this.#answering.forget(flushFromText(order.flush));
      case 'reconfigure':
        this.#reconfigure(order.config);
        return undefined;
      case 'log':
        this.#setLog(order.change);
        return undefined;
      case 'drain':
        await this.#drain(order.graceMs, order.othersGoOn);
        return undefined;
      case 'pause':
        this.#answering.pauses.set(order.pause);
        return undefined;
      case 'cookies':
        this.#answering.cookies.setSecrets(order.secrets);
        return undefined;
      case 'lists':
        void this.#answering.filter.refresh(); // never rejects, and takes as long as lists do
        return undefined;
      case 'figures':
        return undefined;
    }
  }

  #reconfigure(config: Config): void {
    const before = this.#config;
    this.#config = config;
    this.#dependencies.log.level = config.log.level;
    this.#askPrimary.setOptions(askOptions(config));
    this.#answering.setOptions(config);
    this.#answering.forgetOutdated(before, config);
  }

  #setLog({ level, queries }: LogChange): void {
    const { queryLog } = this.#answering;
    if (level !== undefined) this.#dependencies.log.level = level;
    if (queries === undefined) return;
    queryLog.configure({ ...queryLog.options, ...queries });
    this.#answering.setHotPath(!queryLog.enabled);
  }

  async #drain(graceMs: number, othersGoOn: boolean): Promise<void> {
    const { clock, log } = this.#dependencies;
    const { responder } = this.#answering;
    if (othersGoOn) this.#listeners?.handOver();
    else this.#listeners?.drain();
    await this.#emptySockets();
    await Promise.race([responder.drained(), sleep(clock, graceMs)]);
    if (responder.inFlight > 0) {
      log.warn('queries were still in flight at the end', { inFlight: responder.inFlight });
    }
    await this.#emptySockets();
    await this.#listeners?.close();
    this.#answering.stopLists();
    this.#answering.ceiling?.stop();
    await this.#dnstap?.stop();
    await this.#tracing?.exporter.stop();
  }

  /**
   * What waits in a socket that is closed is lost, though other sockets have its port: so it is
   * closed in a turn of the event loop in which nothing was there to read.
   */
  async #emptySockets(): Promise<void> {
    const received = (): number => this.#answering.counters.queries.reduce((sum, n) => sum + n, 0);
    let before = -1;
    for (let turns = 0; turns < closingTurnsMax && received() !== before; turns++) {
      before = received();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  #buildSources(): Sources {
    const { clock, log } = this.#dependencies;
    const answering = this.#answering;
    return metricSources({
      queries: answering.counters,
      arrivals: answering.arrivals,
      cookies: answering.cookies,
      connections: () => this.#listeners?.connections() ?? {},
      certificate: () => this.#listeners?.certificate(),
      cache: () => answering.cacheFigures(),
      filter: () => answering.filter.figures(),
      dnstap: this.#dnstap,
      traces: this.#tracing?.exporter,
      flights: () => answering.flight.figures(),
      log: () => log.figures(),
      // What a worker has none of, and does not tell.
      upstreamCounters: new UpstreamCounters(log),
      upstreams: () => ({
        exchangesInFlight: 0,
        exchangesRefused: 0,
        confirmations: {},
        servers: [],
      }),
      snapshot: () => undefined,
      reloads: new ResultCounter(clock),
      readiness: new Readiness(),
      http: new HttpCounters(),
      build: { version: '', node: '', udpTransport: '' },
    });
  }
}

function askOptions({ listen, upstream }: Config): AskOptions {
  return {
    asksMax: queriesUnderWayMax(listen),
    deadlineMs: upstream.queryBudgetMs + askSlackMs,
  };
}

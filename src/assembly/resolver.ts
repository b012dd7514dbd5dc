import type { LoopProbes } from '../admit/admit-stage.ts';
import type { ClientGuard } from '../admit/client-guard.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { AnswerCache } from '../cache/answer-cache.ts';
import type { MemoryCeiling } from '../cache/memory-ceiling.ts';
import type { Bulletins, Flush } from '../cache/bulletins.ts';
import { ConfirmStage } from '../cache/confirm-stage.ts';
import type { SharedCache } from '../cache/shared-cache.ts';
import { SharedCacheStage } from '../cache/shared-cache-stage.ts';
import type { Config } from '../config/schema.ts';
import type { FilterLoading } from './filter-loading.ts';
import type { FilterPause, FilterPauses, PauseBulletins } from '../filter/filter-pauses.ts';
import type { SharedCopies } from '../filter/shared-copies.ts';
import type { FlightStage } from '../flight/flight-stage.ts';
import type { Lease } from '../flight/lease.ts';
import { LeaseStage } from '../flight/lease-stage.ts';
import type { HotPath } from '../listen/hot-path.ts';
import type { ListenerDependencies } from '../listen/udp-listener.ts';
import type { Responder } from '../listen/responder.ts';
import { buildPipeline } from '../pipeline.ts';
import type { WholePipeline } from '../pipeline.ts';
import type { QueryCounters } from '../query/query-counters.ts';
import type { ServerCookies } from '../query/server-cookies.ts';
import type { Next } from '../query/stage.ts';
import type { ArrivalCounters } from '../telemetry/arrival-counters.ts';
import type { CacheFigures } from '../telemetry/figures.ts';
import type { Dnstap } from '../telemetry/dnstap.ts';
import type { Log } from '../telemetry/log.ts';
import type { QueryLog } from '../telemetry/query-log.ts';
import { UpstreamCounters } from '../telemetry/upstream-counters.ts';
import type { ExchangeTransport } from '../upstream/exchange.ts';
import type { HealthBoard } from '../upstream/health-board.ts';
import type { ResolveHost } from '../upstream/host-addresses.ts';
import type { UpstreamOptions } from '../upstream/options.ts';
import { Upstreams } from '../upstream/upstreams.ts';
import type { UpstreamDeps } from '../upstream/upstreams.ts';
import { TappedTransport } from './message-taps.ts';
import type { MemoryRoom } from './memory-room.ts';
import { tracedStages, TracedTransport } from './tracing.ts';
import type { Tracing } from './tracing.ts';
import { Answering } from './answering.ts';
import type { UdpTransport } from './udp-transport.ts';

/** What stands behind the ports: the grid's drivers, or the null objects. */
export interface Coordination {
  readonly sharedCache: SharedCache;
  readonly lease: Lease;
  readonly healthBoard: HealthBoard;
  readonly bulletins: Bulletins & PauseBulletins;
  readonly sharedCopies: SharedCopies;
}

export interface ResolverDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly coordination: Coordination;
  /** In place of `cache.maxBytes`: the part of it that is left to this process. */
  readonly cacheBytes?: number;
  /** See {@link AnsweringDependencies.memoryRoom}. */
  readonly memoryRoom?: MemoryRoom | undefined;
  /** Sees the messages that go by. */
  readonly dnstap?: Dnstap | undefined;
  /** Takes the time of what goes on. */
  readonly tracing?: Tracing | undefined;
  /** How datagrams are sent and taken; without it one by one. */
  readonly udp?: Pick<UdpTransport, 'calls'>;
  /** In place of sockets and of the system's name lookup, for replayed scenarios. */
  readonly transport?: ExchangeTransport;
  readonly resolveHost?: ResolveHost;
}

function tapOf(
  { dnstap: { upstreams } }: Config,
  { dnstap, tracing, clock }: ResolverDependencies,
): Pick<UpstreamDeps, 'tapTransport'> {
  return {
    tapTransport: (sockets) => {
      const traced = tracing === undefined ? sockets : new TracedTransport(sockets, tracing.tracer);
      return dnstap === undefined || !upstreams
        ? traced
        : new TappedTransport(traced, dnstap, clock);
    },
  };
}

/** Everything between the sockets of clients and those of upstreams, put together. */
export class Resolver {
  readonly upstreamCounters: UpstreamCounters;
  readonly upstreams: Upstreams;
  readonly confirm: ConfirmStage;
  readonly #answering: Answering<WholePipeline>;
  readonly #bulletins: Bulletins & PauseBulletins;
  #config: Config;
  #onFlush: (flush: Flush) => void = () => undefined;
  #onPause: (pause: FilterPause) => void = () => undefined;

  constructor(config: Config, upstreams: UpstreamOptions, dependencies: ResolverDependencies) {
    const { log, coordination, cacheBytes = config.cache.maxBytes } = dependencies;
    this.#bulletins = coordination.bulletins;
    this.#config = config;
    this.upstreamCounters = new UpstreamCounters(log);
    this.upstreams = new Upstreams(upstreams, {
      ...dependencies,
      calls: dependencies.udp?.calls,
      observer: this.upstreamCounters,
      healthBoard: coordination.healthBoard,
      ...tapOf(config, dependencies),
    });
    const parts = { ...dependencies, cacheBytes, probes: loopProbes(this.upstreams) };
    this.confirm = new ConfirmStage((query, kind) => this.#answering.hasKnownGood(query, kind));
    this.#answering = new Answering(config, parts, (upper) =>
      buildPipeline(
        tracedStages(
          {
            ...upper,
            sharedCache: new SharedCacheStage(coordination.sharedCache, upper.recall),
            lease: new LeaseStage(coordination.lease),
            confirm: this.confirm,
            forward: this.upstreams.stage,
          },
          dependencies.tracing,
        ),
      ),
    );
    coordination.bulletins.onPause((pause) => {
      this.#answering.pauses.set(pause);
      this.#onPause(pause);
    });
    coordination.bulletins.onFlush((flush) => {
      this.#answering.forget(flush);
      this.#onFlush(flush);
    });
  }

  get counters(): QueryCounters {
    return this.#answering.counters;
  }

  get arrivals(): ArrivalCounters {
    return this.#answering.arrivals;
  }

  get clientGuard(): ClientGuard {
    return this.#answering.clientGuard;
  }

  /** See {@link Answering.forListeners}. */
  get forListeners(): Omit<ListenerDependencies, 'clock'> {
    return this.#answering.forListeners;
  }

  get cookies(): ServerCookies {
    return this.#answering.cookies;
  }

  get cache(): AnswerCache {
    return this.#answering.cache;
  }

  get ceiling(): MemoryCeiling | undefined {
    return this.#answering.ceiling;
  }

  get filter(): FilterLoading {
    return this.#answering.filter;
  }

  /** See {@link Answering.startLists}. */
  startLists(): Promise<void> {
    return this.#answering.startLists();
  }

  stopLists(): void {
    this.#answering.stopLists();
  }

  get flight(): FlightStage {
    return this.#answering.flight;
  }

  get queryLog(): QueryLog {
    return this.#answering.queryLog;
  }

  get hotPath(): HotPath {
    return this.#answering.hotPath;
  }

  get responder(): Responder {
    return this.#answering.responder;
  }

  /** For what is asked here by hand. */
  get resolve(): Next {
    return this.#answering.pipeline.resolve;
  }

  /** For what workers ask of this process. */
  get ask(): Next {
    return this.#answering.pipeline.ask;
  }

  /** Takes over what may change while running. */
  async reconfigure(config: Config, upstreams: UpstreamOptions): Promise<void> {
    this.#answering.setOptions(config);
    await this.upstreams.reconfigure(upstreams);
    const before = this.#config;
    this.#config = config;
    this.#answering.forgetOutdated(before, config);
    this.upstreamCounters.retain(new Set(this.upstreams.servers));
  }

  /** Forgets here and tells the other replicas. @returns how many entries were forgotten here */
  flush(flush: Flush): number {
    const forgotten = this.#answering.forget(flush);
    this.#bulletins.publishFlush(flush);
    return forgotten;
  }

  /** Calls `task` for each flush that another replica told of, after it was done here. */
  onFlush(task: (flush: Flush) => void): void {
    this.#onFlush = task;
  }

  get pauses(): FilterPauses {
    return this.#answering.pauses;
  }

  /** Pauses the filter here and tells the other replicas. */
  pauseFilter(pause: FilterPause): void {
    this.#answering.pauses.set(pause);
    this.#bulletins.publishPause(pause);
  }

  /** Calls `task` for each pause that another replica told of, after it holds here. */
  onPause(task: (pause: FilterPause) => void): void {
    this.#onPause = task;
  }

  /** See {@link Answering.forgetLocalNames}. */
  forgetLocalNames(): number {
    return this.#answering.forgetLocalNames();
  }

  cacheFigures(): CacheFigures {
    return this.#answering.cacheFigures();
  }

  /** The query log sees every query only if none is answered by the hot path. */
  setHotPath(enabled: boolean): void {
    this.#answering.setHotPath(enabled);
  }
}

function loopProbes(upstreams: Upstreams): LoopProbes {
  return {
    noteIfProbe: (name) => {
      const isProbe = upstreams.isLoopProbe(name);
      if (isProbe) upstreams.noteLoop(name);
      return isProbe;
    },
  };
}

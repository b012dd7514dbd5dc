import { AdmitStage } from '../admit/admit-stage.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { AnswerCache } from '../cache/answer-cache.ts';
import { AnswerStore } from '../cache/answer-store.ts';
import type { Bulletins, Flush } from '../cache/bulletins.ts';
import { FailureCache } from '../cache/failure-cache.ts';
import { KeepStage } from '../cache/keep-stage.ts';
import { Prefetcher } from '../cache/prefetcher.ts';
import { RecallStage } from '../cache/recall-stage.ts';
import type { SharedCache } from '../cache/shared-cache.ts';
import { SharedCacheStage } from '../cache/shared-cache-stage.ts';
import { changedPaths } from '../config/changes.ts';
import type { Config } from '../config/schema.ts';
import { isAtOrBelow, parseName } from '../dns/name.ts';
import { FlightStage } from '../flight/flight-stage.ts';
import type { Lease } from '../flight/lease.ts';
import { LeaseStage } from '../flight/lease-stage.ts';
import { HotPath } from '../listen/hot-path.ts';
import { Responder } from '../listen/responder.ts';
import { LocalStage } from '../local/local-stage.ts';
import type { LocalOptions } from '../local/local-stage.ts';
import { buildPipeline } from '../pipeline.ts';
import { QueryCounters } from '../query/query-counters.ts';
import { ArrivalCounters } from '../telemetry/arrival-counters.ts';
import type { CacheFigures } from '../telemetry/figures.ts';
import type { Log } from '../telemetry/log.ts';
import { ObserveStage } from '../telemetry/observe-stage.ts';
import { QueryLog } from '../telemetry/query-log.ts';
import { UpstreamCounters } from '../telemetry/upstream-counters.ts';
import type { ExchangeTransport } from '../upstream/exchange.ts';
import type { HealthBoard } from '../upstream/health-board.ts';
import type { ResolveHost } from '../upstream/host-addresses.ts';
import type { UpstreamOptions } from '../upstream/options.ts';
import { Upstreams } from '../upstream/upstreams.ts';

/** What stands behind the ports: the grid's drivers, or the null objects. */
export interface Coordination {
  readonly sharedCache: SharedCache;
  readonly lease: Lease;
  readonly healthBoard: HealthBoard;
  readonly bulletins: Bulletins;
}

export interface ResolverDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly coordination: Coordination;
  /** In place of sockets and of the system's name lookup, for replayed scenarios. */
  readonly transport?: ExchangeTransport;
  readonly resolveHost?: ResolveHost;
}

/** Everything between the sockets of clients and those of upstreams, put together. */
export class Resolver {
  readonly counters = new QueryCounters();
  readonly arrivals: ArrivalCounters;
  readonly upstreamCounters: UpstreamCounters;
  readonly cache: AnswerCache;
  readonly flight: FlightStage;
  readonly upstreams: Upstreams;
  readonly queryLog: QueryLog;
  readonly hotPath: HotPath;
  readonly responder: Responder;
  readonly #failures: FailureCache;
  readonly #recall: RecallStage;
  readonly #local: LocalStage;
  readonly #prefetcher: Prefetcher;
  readonly #bulletins: Bulletins;
  #config: Config;

  constructor(config: Config, upstreams: UpstreamOptions, dependencies: ResolverDependencies) {
    const { clock, random, log, coordination } = dependencies;
    this.#bulletins = coordination.bulletins;
    this.#config = config;
    this.arrivals = new ArrivalCounters(this.counters);
    this.upstreamCounters = new UpstreamCounters(log);
    this.queryLog = new QueryLog(config.log.queries, { log, random });
    const seed = random.uint16() * 0x1_0000 + random.uint16();
    this.cache = new AnswerCache(
      new AnswerStore(config.cache.maxBytes, seed),
      config.cache.prefetch,
    );
    this.#failures = new FailureCache(config.cache);
    this.#recall = new RecallStage(this.cache, this.#failures, clock, recallPolicy(config));
    this.#local = new LocalStage(localOptions(config));
    this.flight = new FlightStage(config.listen.queriesInFlightMax);
    this.upstreams = new Upstreams(upstreams, {
      ...dependencies,
      observer: this.upstreamCounters,
      healthBoard: coordination.healthBoard,
    });
    const { resolve, fetch } = buildPipeline({
      observe: this.#observeStage(clock, log),
      admit: new AdmitStage(this.#loopProbes()),
      local: this.#local,
      recall: this.#recall,
      flight: this.flight,
      keep: new KeepStage(this.cache, this.#failures, clock),
      sharedCache: new SharedCacheStage(coordination.sharedCache, this.#recall),
      lease: new LeaseStage(coordination.lease),
      forward: this.upstreams.stage,
    });
    this.#prefetcher = new Prefetcher(this.cache, this.#failures, fetch, clock);
    this.hotPath = new HotPath(this.cache, this.counters, clock, 0);
    this.responder = new Responder(resolve, clock, this.arrivals, replyOptions(config));
    this.#tuneHotPath(config);
    coordination.bulletins.onFlush((flush) => this.#forget(flush));
  }

  /** Takes over what may change while running. */
  async reconfigure(config: Config, upstreams: UpstreamOptions): Promise<void> {
    this.queryLog.configure(config.log.queries);
    this.cache.setPrefetch(config.cache.prefetch);
    this.#failures.setPolicy(config.cache);
    this.#recall.setPolicy(recallPolicy(config));
    this.#recall.forgetFailures();
    this.#local.setOptions(localOptions(config));
    this.responder.setOptions(replyOptions(config));
    this.#tuneHotPath(config);
    await this.upstreams.reconfigure(upstreams);
    const before = this.#config;
    this.#config = config;
    this.#forgetOutdated(before);
    this.upstreamCounters.retain(new Set(this.upstreams.servers));
  }

  /** Forgets here and tells the other replicas. @returns how many entries were forgotten here */
  flush(flush: Flush): number {
    const forgotten = this.#forget(flush);
    this.#bulletins.publishFlush(flush);
    return forgotten;
  }

  /**
   * Forgets what is answered here by now, as an entry from a snapshot or from before a reload may
   * be: the hot path knows the cache alone, and would go on with it. @returns how many entries
   */
  forgetLocalNames(): number {
    return this.cache.forgetWhere((name) => this.#local.settles(name));
  }

  cacheFigures(): CacheFigures {
    const recall = this.#recall.figures();
    return {
      ...this.cache.figures(),
      ...recall,
      ...this.#prefetcher.figures(),
      hits: recall.hits + this.hotPath.hits,
      failureEntries: this.#failures.size,
    };
  }

  /** The query log sees every query only if none is answered by the hot path. */
  setHotPath(enabled: boolean): void {
    this.hotPath.enabled = enabled;
  }

  #forget(flush: Flush): number {
    this.#recall.forgetFailures();
    switch (flush.kind) {
      case 'name':
        return this.cache.forgetName(flush.name);
      case 'suffix':
        return this.cache.forgetSuffix(flush.suffix);
      case 'all':
        return this.cache.forgetAll();
    }
  }

  /** A route that changed may lead to other answers; what is answered here, see above. */
  #forgetOutdated(before: Config): void {
    const touched = changedPaths(before, this.#config);
    if (!touched.some((path) => path === 'routes' || path.startsWith('local.'))) return;
    const changed = changedSuffixes(before.routes, this.#config.routes);
    this.cache.forgetWhere(
      (name) => this.#local.settles(name) || changed.some((suffix) => isAtOrBelow(name, suffix)),
    );
  }

  #observeStage(clock: Clock, log: Log): ObserveStage {
    const { counters, arrivals, queryLog } = this;
    return new ObserveStage({ clock, counters, arrivals, queryLog, log });
  }

  #tuneHotPath({ listen, log }: Config): void {
    this.hotPath.udpResponseBytesMax = listen.udp.responseBytesMax;
    this.setHotPath(!log.queries.enabled);
  }

  #loopProbes(): ConstructorParameters<typeof AdmitStage>[0] {
    return {
      noteIfProbe: (name) => {
        const isProbe = this.upstreams.isLoopProbe(name);
        if (isProbe) this.upstreams.noteLoop(name);
        return isProbe;
      },
    };
  }
}

function recallPolicy({ cache }: Config): ConstructorParameters<typeof RecallStage>[3] {
  return { stale: cache.serveStale, nxdomainCut: cache.nxdomainCut };
}

/** The suffixes whose route is new, gone or another one. */
function changedSuffixes(before: Config['routes'], after: Config['routes']): Buffer[] {
  const [old, current] = [before, after].map((routes) =>
    routes.map((route) => JSON.stringify(route)),
  );
  return [
    ...before.filter((route) => current?.includes(JSON.stringify(route)) !== true),
    ...after.filter((route) => old?.includes(JSON.stringify(route)) !== true),
  ].map(({ suffix }) => parseName(suffix));
}

function localOptions({ local, routes }: Config): LocalOptions {
  return { ...local, routedSuffixes: routes.map(({ suffix }) => parseName(suffix)) };
}

function replyOptions({ listen }: Config): ConstructorParameters<typeof Responder>[3] {
  return {
    udpResponseBytesMax: listen.udp.responseBytesMax,
    tcpIdleTimeoutMs: listen.tcp.idleTimeoutMs,
    queriesInFlightMax: listen.queriesInFlightMax,
  };
}

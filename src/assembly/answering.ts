import { AdmitStage } from '../admit/admit-stage.ts';
import type { LoopProbes } from '../admit/admit-stage.ts';
import { ClientGuard } from '../admit/client-guard.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { AnswerCache } from '../cache/answer-cache.ts';
import { AnswerStore } from '../cache/answer-store.ts';
import type { Flush } from '../cache/bulletins.ts';
import { FailureCache } from '../cache/failure-cache.ts';
import type { MemoryCeiling } from '../cache/memory-ceiling.ts';
import { KeepStage } from '../cache/keep-stage.ts';
import { Dns64Stage } from '../local/dns64-stage.ts';
import { Prefetcher } from '../cache/prefetcher.ts';
import { RecallStage } from '../cache/recall-stage.ts';
import { SearchStage } from '../cache/search-stage.ts';
import { SubnetStage } from '../cache/subnet-stage.ts';
import type { Config } from '../config/schema.ts';
import type { AnswerKind } from '../dns/answer.ts';
import { isAtOrBelow, parseName } from '../dns/name.ts';
import { ScreenStage } from '../filter/screen-stage.ts';
import { FilterPauses } from '../filter/filter-pauses.ts';
import { FilterStage } from '../filter/filter-stage.ts';
import { FlightStage } from '../flight/flight-stage.ts';
import { ConnectionQuota } from '../listen/connection-quota.ts';
import { HotPath } from '../listen/hot-path.ts';
import { Responder } from '../listen/responder.ts';
import type { ListenerDependencies } from '../listen/udp-listener.ts';
import { queriesUnderWayMax } from '../listen/waiting-queries.ts';
import { LocalStage } from '../local/local-stage.ts';
import type { Pipeline, UpperStages } from '../pipeline.ts';
import type { Query } from '../query/query.ts';
import { QueryCounters } from '../query/query-counters.ts';
import { ServerCookies } from '../query/server-cookies.ts';
import { ArrivalCounters } from '../telemetry/arrival-counters.ts';
import type { CacheFigures } from '../telemetry/figures.ts';
import type { Dnstap } from '../telemetry/dnstap.ts';
import type { Log } from '../telemetry/log.ts';
import { ObserveStage } from '../telemetry/observe-stage.ts';
import { QueryLog } from '../telemetry/query-log.ts';
import { FilterLoading, optionsOf } from './filter-loading.ts';
import { LocalLoading } from './local-loading.ts';
import { dns64Options, localOptions } from './local-options.ts';
import { memoryCeiling } from './memory-room.ts';
import type { MemoryRoom } from './memory-room.ts';
import { TappedResponder } from './message-taps.ts';
import { screenOptions } from './screen-options.ts';

export interface AnsweringDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly probes: LoopProbes;
  /** What this process may keep: all of `cache.maxBytes`, or its part of it. */
  readonly cacheBytes: number;
  /** The memory of this process above which the cache gives way; undefined where it never does. */
  readonly memoryRoom?: MemoryRoom | undefined;
  /** Sees the messages of clients, where `dnstap.clients` says so. */
  readonly dnstap?: Dnstap | undefined;
}

/** Joins the stages made here with those below them. */
export type JoinStages<Joined extends Pipeline> = (
  upper: UpperStages & { readonly recall: RecallStage },
) => Joined;

/**
 * Everything between the sockets of clients and the fetch below L1: the same in a process that
 * does all, and in a worker that asks its primary.
 */
export class Answering<Joined extends Pipeline = Pipeline> {
  readonly counters = new QueryCounters();
  readonly arrivals: ArrivalCounters;
  readonly clientGuard: ClientGuard;
  readonly cookies: ServerCookies;
  readonly connections: ConnectionQuota;
  readonly cache: AnswerCache;
  /** Undefined where the cache keeps its size; to be started and stopped by whoever runs the process. */
  readonly ceiling: MemoryCeiling | undefined;
  readonly filter: FilterLoading;
  readonly pauses: FilterPauses;
  readonly localNames: LocalLoading;
  readonly flight: FlightStage;
  readonly queryLog: QueryLog;
  readonly hotPath: HotPath;
  readonly responder: Responder;
  readonly #tapped: TappedResponder | undefined;
  readonly pipeline: Joined;
  readonly #failures: FailureCache;
  readonly #recall: RecallStage;
  readonly #search: SearchStage;
  readonly #local: LocalStage;
  readonly #screen: ScreenStage;
  readonly #subnet: SubnetStage;
  readonly #dns64: Dns64Stage;
  readonly #prefetcher: Prefetcher;

  constructor(config: Config, dependencies: AnsweringDependencies, joinStages: JoinStages<Joined>) {
    const { clock, random, log, probes, cacheBytes } = dependencies;
    this.arrivals = new ArrivalCounters(this.counters);
    this.queryLog = new QueryLog(config.log.queries, { log, random });
    this.clientGuard = new ClientGuard(config.clients, seedFrom(random));
    this.cookies = new ServerCookies(clock);
    this.connections = new ConnectionQuota(config.clients.rateLimit);
    const store = new AnswerStore(cacheBytes, seedFrom(random));
    this.cache = new AnswerCache(store, config.cache.prefetch);
    this.ceiling = memoryCeiling(store, dependencies);
    this.#failures = new FailureCache(config.cache);
    this.#recall = new RecallStage(this.cache, this.#failures, clock, recallPolicy(config));
    this.#search = new SearchStage(this.cache, clock, searchSuffixes(config));
    this.#local = new LocalStage(localOptions(config));
    this.pauses = new FilterPauses(clock);
    this.#screen = new ScreenStage(screenOptions(config));
    this.#subnet = new SubnetStage(config.upstream.clientSubnet);
    this.#dns64 = new Dns64Stage(dns64Options(config));
    const filter = new FilterStage(optionsOf(config.filter), this.pauses);
    this.cache.setMarks({
      needsStages: (name, answer) =>
        this.#local.settles(name) ||
        [filter, this.#screen, this.#dns64].some((stage) => stage.needsStages(name, answer)),
    });
    this.localNames = new LocalLoading(config, {
      clock,
      log,
      stage: this.#local,
      onChange: () => {
        this.forgetLocalNames();
        void this.filter.remark(); // never rejects
      },
    });
    this.filter = new FilterLoading(config.filter, {
      clock,
      log,
      stage: filter,
      cache: this.cache,
      seed: seedFrom(random),
      screened: () => this.#screen.screened,
      pauses: () => this.pauses.list().length,
    });
    this.flight = new FlightStage(queriesUnderWayMax(config.listen));
    this.pipeline = joinStages({
      observe: this.#observeStage(clock, log),
      admit: new AdmitStage(probes),
      local: this.#local,
      screen: this.#screen,
      filter,
      subnet: this.#subnet,
      dns64: this.#dns64,
      recall: this.#recall,
      search: this.#search,
      flight: this.flight,
      keep: new KeepStage(this.cache, this.#failures, clock),
    });
    const { resolve, fetch } = this.pipeline;
    this.#prefetcher = new Prefetcher(this.cache, this.#failures, fetch, clock);
    this.hotPath = new HotPath(this.cache, this.counters, clock, 0);
    const { arrivals: observer, cookies, clientGuard: verified } = this;
    const parts = { clock, observer, cookies, verified };
    this.responder = new Responder(resolve, parts, replyOptions(config));
    const { dnstap } = dependencies;
    if (dnstap !== undefined && config.dnstap.clients) {
      this.#tapped = new TappedResponder(this.responder, dnstap, clock);
    }
    this.#tuneHotPath(config);
  }

  /** What all listeners of this process share. */
  get forListeners(): Omit<ListenerDependencies, 'clock'> {
    const { hotPath, arrivals: observer, clientGuard: gate, connections } = this;
    const responder = this.#tapped ?? this.responder;
    return { hotPath, responder, observer, gate, connections };
  }

  /** Takes over what may change while running; entries stay, see {@link forgetOutdated}. */
  setOptions(config: Config): void {
    this.clientGuard.setPolicy(config.clients);
    this.connections.setClients(config.clients.rateLimit);
    this.#screen.setOptions(screenOptions(config));
    this.#dns64.setOptions(dns64Options(config));
    this.#subnet.setPolicy(config.upstream.clientSubnet);
    void this.filter.reconfigure(config.filter); // never rejects; the lists in use hold until then
    this.queryLog.configure(config.log.queries);
    this.cache.setPrefetch(config.cache.prefetch);
    this.#failures.setPolicy(config.cache);
    this.#recall.setPolicy(recallPolicy(config));
    this.#search.setSuffixes(searchSuffixes(config));
    this.#recall.forgetFailures();
    this.#local.setOptions(localOptions(config));
    this.localNames.reconfigure(config);
    this.responder.setOptions(replyOptions(config));
    this.#tuneHotPath(config);
  }

  /** Resolves when lists and hosts files are in force, so that no name slips through at the start. */
  async startLists(): Promise<void> {
    await Promise.all([this.filter.start(), this.localNames.start()]);
  }

  stopLists(): void {
    this.filter.stop();
    this.localNames.stop();
  }

  /** A route that changed may lead to other answers; what is answered here, see below. */
  forgetOutdated(before: Config, after: Config): void {
    if (whatDecidesNames(before) === whatDecidesNames(after)) return;
    const changed = changedSuffixes(before.routes, after.routes);
    this.cache.forgetWhere(
      (name) => this.#local.settles(name) || changed.some((suffix) => isAtOrBelow(name, suffix)),
    );
  }

  /**
   * Forgets what is answered here by now, as an entry from a snapshot or from before a reload may
   * be: the hot path knows the cache alone, and would go on with it. @returns how many entries
   */
  forgetLocalNames(): number {
    return this.cache.forgetWhere((name) => this.#local.settles(name));
  }

  /** @returns how many entries were forgotten */
  forget(flush: Flush): number {
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

  /** See {@link RecallStage.hasKnownGood}. */
  hasKnownGood(query: Query, kind: AnswerKind): boolean {
    return this.#recall.hasKnownGood(query, kind);
  }

  cacheFigures(): CacheFigures {
    const recall = this.#recall.figures();
    return {
      ...this.cache.figures(),
      ...recall,
      ...this.#prefetcher.figures(),
      hits: recall.hits + this.hotPath.hits,
      ceilingBytes: this.ceiling?.bytesMax ?? 0,
      failureEntries: this.#failures.size,
      searchCuts: this.#search.cuts,
      subnetsForwarded: this.#subnet.counts.forwarded,
      subnetsAdded: this.#subnet.counts.added,
      subnetsForbidden: this.#subnet.counts.forbidden,
    };
  }

  /** Query log and dnstap see every query only if none is answered by the hot path. */
  setHotPath(enabled: boolean): void {
    const needsStages = this.#tapped !== undefined || this.#subnet.dependsOnAddress;
    this.hotPath.enabled = enabled && !needsStages;
  }

  #observeStage(clock: Clock, log: Log): ObserveStage {
    const { counters, arrivals, queryLog } = this;
    return new ObserveStage({ clock, counters, arrivals, queryLog, log });
  }

  #tuneHotPath({ listen, log }: Config): void {
    this.hotPath.udpResponseBytesMax = listen.udp.responseBytesMax;
    this.setHotPath(!log.queries.enabled);
  }
}

/** 32 bits of chance, so that nobody can prepare collisions. */
function seedFrom(random: Random): number {
  return random.uint16() * 0x1_0000 + random.uint16();
}

function recallPolicy({ cache }: Config): ConstructorParameters<typeof RecallStage>[3] {
  return {
    stale: cache.serveStale,
    nxdomainCut: cache.nxdomainCut,
    knownGoodHitsMin: cache.lastKnownGood ? cache.prefetch.hitsMin : undefined,
  };
}

/** Not by the paths of options: a worker does without the schema, which takes memory and time. */
function whatDecidesNames({ routes, local }: Config): string {
  return JSON.stringify([routes, local]);
}

function searchSuffixes({ cache }: Config): Buffer[] {
  return cache.searchSuffixes.map(parseName);
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

function replyOptions({ listen, clients }: Config): ConstructorParameters<typeof Responder>[2] {
  return {
    udpResponseBytesMax: listen.udp.responseBytesMax,
    tcpIdleTimeoutMs: listen.tcp.idleTimeoutMs,
    queriesInFlightMax: listen.queriesInFlightMax,
    queriesInFlightPerClientMax: listen.queriesInFlightPerClientMax,
    client: clients.rateLimit,
  };
}

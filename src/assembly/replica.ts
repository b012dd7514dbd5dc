import { formatAddress, parseSocketAddress } from '../base/address.ts';
import type { SocketAddress } from '../base/address.ts';
import { sleep } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ConfigSource, LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { ConfigWatcher } from '../config/watcher.ts';
import type { ReloadOutcome } from '../config/watcher.ts';
import { clusterViewOf } from '../grid/cluster-view.ts';
import type { AdminActions } from '../telemetry/admin-actions.ts';
import { AdminGuard } from '../telemetry/admin-guard.ts';
import { adminRoutes } from '../telemetry/admin-routes.ts';
import { NoClusterCounters } from '../telemetry/cluster-counters.ts';
import type { BuildFigures } from '../telemetry/figures.ts';
import { HttpCounters } from '../telemetry/http-counters.ts';
import { HttpRouter } from '../telemetry/http-router.ts';
import { HttpServer } from '../telemetry/http-server.ts';
import type { Dnstap } from '../telemetry/dnstap.ts';
import { metricSources } from '../telemetry/metric-sources.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { publicRoutes } from '../telemetry/public-routes.ts';
import { Readiness } from '../telemetry/readiness.ts';
import { ResultCounter } from '../telemetry/result-counter.ts';
import type { WinstonLog } from '../telemetry/winston-log.ts';
import { adminActions } from './admin.ts';
import { chooseFrontline, ownCacheBytes, ownMemoryRoom, workerCount } from './choose-frontline.ts';
import type { FrontlineDependencies } from './choose-frontline.ts';
import { CookieSecrets } from './cookie-secrets.ts';
import { gridOf, hottestMax, switchesOf, tidingsOf } from './coordination.ts';
import type { ConnectGrid, ReplicaGrid } from './coordination.ts';
import { dnstapOf } from './dnstap-options.ts';
import type { Frontline } from './frontline.ts';
import { HottestNames } from './hottest-names.ts';
import { ListFetches } from './list-fetches.ts';
import { localRecords } from './local-options.ts';
import { Resolver } from './resolver.ts';
import { screenOptions } from './screen-options.ts';
import { Snapshots } from './snapshots.ts';
import { standalone } from './standalone.ts';
import { tracingOf } from './tracing.ts';
import type { Tracing } from './tracing.ts';
import { chooseUpstreams } from './upstream-options.ts';
import type { ChosenUpstreams, Surroundings } from './upstream-options.ts';
import { WatchedCertificate } from './watched-certificate.ts';

export interface ReplicaDependencies extends FrontlineDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: WinstonLog;
  readonly surroundings: Surroundings;
  readonly build: BuildFigures;
  /** Needed where a grid is configured. */
  readonly connectGrid?: ConnectGrid | undefined;
}

/** One replica of the resolver: sockets or workers, HTTP, snapshots, reloads. */
export class Replica {
  readonly resolver: Resolver;
  readonly #config: Config;
  readonly #dependencies: ReplicaDependencies;
  readonly #grid: ReplicaGrid | undefined;
  readonly #hottest: HottestNames;
  readonly #readiness = new Readiness();
  readonly #reloads: ResultCounter;
  readonly #snapshots: Snapshots;
  readonly #lists: ListFetches;
  readonly #watcher: ConfigWatcher;
  readonly #guard: AdminGuard;
  readonly #http: HttpServer;
  readonly #frontline: Frontline;
  readonly #cookies: CookieSecrets;
  readonly #dnstap: Dnstap | undefined;
  readonly #tracing: Tracing | undefined;
  #httpAddress: SocketAddress | undefined;
  #httpCertificate: WatchedCertificate | undefined;

  /** @throws {ConfigInvalid} when there is no upstream to use */
  constructor(source: ConfigSource, loaded: LoadedConfig, dependencies: ReplicaDependencies) {
    const { config } = loaded;
    const { clock, log } = dependencies;
    this.#config = config;
    this.#dependencies = dependencies;
    const chosen = this.#choose(config);
    this.#grid = gridOf(config, dependencies);
    const coordination = this.#grid?.coordination ?? standalone();
    const workers = workerCount(config, dependencies);
    const cacheBytes = ownCacheBytes(config, workers);
    this.#dnstap = dnstapOf(config, dependencies);
    this.#tracing = tracingOf(config, dependencies);
    const observed = { dnstap: this.#dnstap, tracing: this.#tracing };
    const room = ownMemoryRoom(config, workers, dependencies);
    const ofCache = { cacheBytes, memoryRoom: room };
    const resolving = { ...dependencies, ...observed, ...ofCache, coordination };
    this.resolver = new Resolver(config, chosen.options, resolving);
    this.#hottest = new HottestNames(this.resolver.cache, clock, hottestMax);
    const parts = { ...dependencies, resolver: this.resolver, readiness: this.#readiness };
    this.#frontline = chooseFrontline(config, workers, parts);
    this.#cookies = new CookieSecrets(config.listen.cookies, clock, (secrets) => {
      this.resolver.cookies.setSecrets(secrets);
      void this.#frontline.setCookieSecrets(secrets); // never rejects
    });
    this.#reloads = new ResultCounter(clock);
    this.#snapshots = new Snapshots(config, this.resolver.cache, dependencies);
    const { ask } = this.resolver;
    const onNew = (): Promise<void> => this.#frontline.refreshLists();
    const { sharedCopies: shared } = coordination;
    this.#lists = new ListFetches(config.filter, { clock, log, ask, shared, onNew });
    this.#guard = new AdminGuard(config.http.token);
    const onReload = (outcome: ReloadOutcome): void => this.#reloaded(outcome);
    this.#watcher = new ConfigWatcher({ source, clock, initial: loaded, onReload });
    this.#http = this.#buildHttp(log);
  }

  /** Where clients reach it; empty before the start. */
  get addresses(): readonly SocketAddress[] {
    return this.#frontline.addresses;
  }

  get httpAddress(): SocketAddress | undefined {
    return this.#httpAddress;
  }

  /**
   * Opens what clients and operators reach, HTTP first so that probes see the start.
   * @throws {ListenFailed} and leaves nothing open
   */
  async start(): Promise<void> {
    const { http, cache } = this.#config;
    try {
      if (http.address !== 'off') {
        await this.#startHttp(parseSocketAddress(http.address, 0));
      }
      this.#startGrid();
      this.#dnstap?.start();
      await this.#snapshots.load(cache.serveStale.staleSecondsMax);
      this.resolver.forgetLocalNames();
      await this.#frontline.open();
      await this.resolver.upstreams.start();
      await this.#lists.start();
    } catch (error) {
      await this.#release();
      throw error;
    }
    this.resolver.ceiling?.start();
    this.#snapshots.start(cache.snapshot.intervalMs);
    this.#watcher.start();
    await this.#warmUp();
    this.#readiness.clear('starting');
  }

  /** In the clear, or by TLS where a certificate is configured. */
  async #startHttp(address: SocketAddress): Promise<void> {
    const { file, keyFile, reloadIntervalMs } = this.#config.http.tls;
    if (file === undefined || keyFile === undefined) {
      this.#httpAddress = await this.#http.start(address);
      return;
    }
    const files = { certificateFile: file, keyFile };
    this.#httpCertificate = await WatchedCertificate.read(files, this.#dependencies);
    this.#httpAddress = await this.#http.start(address, this.#httpCertificate.current);
    this.#httpCertificate.watch(reloadIntervalMs, (current) =>
      this.#http.replaceCertificate(current),
    );
  }

  /** Reads the configuration again, as SIGHUP asks. */
  reload(): void {
    this.#watcher.reload();
  }

  /** Not ready, drain, snapshot, close: within the grace time. */
  async stop(): Promise<void> {
    const { clock, log } = this.#dependencies;
    const { graceMs, notReadyMs } = this.#watcher.current.config.shutdown;
    this.#readiness.block('draining', 'the replica is stopping');
    await sleep(clock, notReadyMs);
    const inFlight = await this.#frontline.drain(graceMs);
    if (inFlight > 0) log.warn('queries were still in flight at the end', { inFlight });
    await this.#snapshots.save();
    await this.#release();
  }

  async #release(): Promise<void> {
    this.#watcher.stop();
    this.#snapshots.stop();
    this.#lists.stop();
    this.#cookies.stop();
    this.resolver.stopLists();
    this.resolver.ceiling?.stop();
    this.resolver.upstreams.stop();
    await this.#frontline.close();
    await this.#grid?.coordination.stop();
    await this.#dnstap?.stop();
    await this.#tracing?.exporter.stop();
    this.#httpCertificate?.stop();
    if (this.#httpAddress !== undefined) await this.#http.stop();
  }

  #choose(config: Config): ChosenUpstreams {
    localRecords(config); // what cannot be read is found before anything is taken over
    screenOptions(config);
    const chosen = chooseUpstreams(config, this.#dependencies.surroundings);
    for (const notice of chosen.notices) this.#dependencies.log.warn(notice);
    return chosen;
  }

  #reloaded(outcome: ReloadOutcome): void {
    const { log } = this.#dependencies;
    if (outcome.result === 'unchanged') {
      log.info('configuration reloaded: nothing changed');
      return;
    }
    if (outcome.result === 'rejected') {
      this.#refuse(outcome.error);
      return;
    }
    const { config } = outcome.loaded;
    try {
      this.#apply(config, outcome.changed);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.#reloads.succeeded();
    log.info('configuration reloaded', { changed: outcome.changed });
    const left = outcome.restartNeeded.filter((path) => !this.#frontline.takesOver(path));
    if (left.length > 0) log.warn('some changes need a restart', { options: left });
  }

  #refuse(error: unknown): void {
    this.#reloads.failed();
    this.#dependencies.log.error('configuration not reloaded: the running one stays', { error });
  }

  #apply(config: Config, changed: readonly string[]): void {
    const { log } = this.#dependencies;
    const chosen = this.#choose(config);
    log.level = config.log.level;
    this.#guard.setToken(config.http.token);
    if (this.#grid !== undefined) this.#grid.coordination.switches.current = switchesOf(config);
    this.#snapshots.start(config.cache.snapshot.intervalMs);
    this.#lists.reconfigure(config.filter);
    this.#cookies.reconfigure(config.listen.cookies);
    this.resolver
      .reconfigure(config, chosen.options)
      .then(() => this.#frontline.reconfigure(config, changed))
      .catch((error: unknown) => this.#refuse(error));
  }

  #buildHttp(log: WinstonLog): HttpServer {
    const { clock, build } = this.#dependencies;
    const { resolver } = this;
    const frontline = this.#frontline;
    const counters = new HttpCounters();
    const metrics = new Metrics(
      frontline.sources(
        metricSources({
          queries: resolver.counters,
          arrivals: resolver.arrivals,
          cookies: resolver.cookies,
          connections: () => frontline.connections(),
          certificate: () => frontline.certificate(),
          upstreamCounters: resolver.upstreamCounters,
          upstreams: () => ({
            exchangesInFlight: resolver.upstreams.exchangesInFlight,
            exchangesRefused: resolver.upstreams.exchangesRefused,
            confirmations: { ...resolver.confirm.figures() },
            servers: resolver.upstreams.status(),
          }),
          cache: () => resolver.cacheFigures(),
          snapshot: () => this.#snapshots.figures(),
          filter: () => ({ ...resolver.filter.figures(), fetches: this.#lists.figures() }),
          dnstap: this.#dnstap,
          traces: this.#tracing?.exporter,
          flights: () => resolver.flight.figures(),
          reloads: this.#reloads,
          readiness: this.#readiness,
          log: () => log.figures(),
          http: counters,
          build,
          grid: this.#grid?.source,
          workers: frontline.workers,
        }),
      ),
      frontline.podMetrics,
    );
    this.#tellOthers(metrics);
    metrics.addProcessMetrics();
    const admin = adminRoutes(this.#adminActions());
    const open = publicRoutes({
      metrics,
      readiness: this.#readiness,
      workers: frontline.workers,
      clusterCounters: this.#grid?.coordination.clusterCounters ?? new NoClusterCounters(),
    });
    const router = new HttpRouter([...open, ...admin], { guard: this.#guard, log });
    return new HttpServer({ router, counters, clock });
  }

  /** Readiness does not depend on the grid unless that is asked for. */
  #startGrid(): void {
    if (this.#grid === undefined) return;
    const { coordination } = this.#grid;
    const readiness = this.#readiness;
    const block = (): void => readiness.block('grid', 'the grid is not connected');
    if (this.#config.grid.readinessNeedsGrid) {
      block();
      coordination.onConnection((isConnected) => (isConnected ? readiness.clear('grid') : block()));
    }
    coordination.seed.start(this.#cookies);
    coordination.budgets.start(this.resolver.clientGuard);
    coordination.start();
  }

  #adminActions(): AdminActions {
    const { clock, build, log } = this.#dependencies;
    const frontline = this.#frontline;
    const watcher = this.#watcher;
    const parts = {
      ...{ resolver: this.resolver, frontline, watcher, log, clock, build },
      hottest: this.#hottest,
    };
    const grid = this.#grid;
    if (grid === undefined) return adminActions(parts);
    const { replicaId, coordination } = grid;
    const { caller, registry, healthBoard, gridClock, figures } = coordination;
    const seen = { replicaId, caller, registry, healthBoard, gridClock, figures };
    return adminActions({ ...parts, cluster: () => clusterViewOf(seen) });
  }

  #tellOthers(metrics: Metrics): void {
    if (this.#grid === undefined) return;
    const tidings = tidingsOf(this.#grid, this.#hottest, {
      address: () => this.addresses.map(formatAddress).join(', '),
      series: () => metrics.totals(),
    });
    this.#grid.coordination.tell(tidings);
  }

  /** Fetches what the cluster asks for most, where there is a cluster, within its time. */
  async #warmUp(): Promise<void> {
    const { clock, log } = this.#dependencies;
    const { warmStart } = this.#config.grid;
    if (this.#grid === undefined || !warmStart.enabled) return;
    const { cache } = this.resolver;
    const entries = await this.#grid.coordination.warmStart(warmStart, (key, found) => {
      cache.keep(key, found.answer, clock.nowMs(), found.ageSeconds);
    });
    log.info('warm start', { entries });
  }

  /** What a person at the terminal wants to know first. */
  greeting(): string[] {
    const { udp } = this.#dependencies;
    const [first] = this.addresses;
    const host = first === undefined || first.host === '0.0.0.0' ? '127.0.0.1' : first.host;
    const shown = host === '::' ? '::1' : host;
    return [
      `Listening on ${this.#frontline.describe().join(', ')}`,
      `UDP transport: ${udp.name} (${udp.reason})`,
      `${this.#httpCertificate === undefined ? 'HTTP' : 'HTTPS'} on ${this.#httpAddress === undefined ? 'off' : formatAddress(this.#httpAddress)}`,
      `Upstreams: ${this.resolver.upstreams.servers.join(', ')}`,
      `Try: dig @${shown} -p ${String(first?.port ?? 53)} example.com`,
    ];
  }
}

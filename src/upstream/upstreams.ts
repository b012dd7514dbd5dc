import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { SystemCalls } from '../datagram/system-calls.ts';
import { extendedErrorCode } from '../dns/codes.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Stage } from '../query/stage.ts';
import { Asking } from './asking.ts';
import { Attempts } from './attempts.ts';
import { choose } from './choice.ts';
import type { UpstreamContext } from './context.ts';
import type { ExchangeTransport } from './exchange.ts';
import { notAsked } from './failure-outcome.ts';
import type { HealthBoard } from './health-board.ts';
import { HostAddresses, systemLookup } from './host-addresses.ts';
import type { ResolveHost } from './host-addresses.ts';
import { LoopDetector } from './loop-detector.ts';
import type { UpstreamObserver } from './observer.ts';
import type { UpstreamOptions } from './options.ts';
import { Prober } from './prober.ts';
import { Routes } from './routes.ts';
import type { Route } from './routes.ts';
import { formatServer, isHostName } from '../base/server-address.ts';
import type { ServerAddress } from '../base/server-address.ts';
import { Server } from './server.ts';
import { SocketTransport } from './socket-transport.ts';
import { statusOf } from './status.ts';
import type { UpstreamStatus } from './status.ts';

/** What the upstreams work with. */
export interface UpstreamDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: UpstreamObserver;
  readonly healthBoard: HealthBoard;
  /** For datagrams in batches; without them each exchange has a socket of the runtime. */
  readonly calls?: SystemCalls | undefined;
  /** In place of sockets. */
  readonly transport?: ExchangeTransport;
  /** In place of the system's lookup of host names. */
  readonly resolveHost?: ResolveHost;
}

/**
 * All upstreams, and the stage that asks them: what becomes of a query that nothing above could
 * answer. `start` before the first query, `stop` after the last.
 */
export class Upstreams {
  /** Settles every query that reaches it: the last stage. */
  readonly stage: Stage = { name: 'forward', handle: (query) => this.#ask(query) };
  readonly #context: UpstreamContext;
  readonly #attempts: Attempts;
  readonly #prober: Prober;
  readonly #loops: LoopDetector;
  readonly #hosts: HostAddresses;
  /** By their text; a server that several routes name is there once. */
  readonly #servers = new Map<string, Server>();
  #options: UpstreamOptions;
  #routes: Routes;
  #isRunning = false;
  #isStopped = false;

  /** @throws {MalformedAddress} @throws {MalformedName} when the options cannot be read */
  constructor(options: UpstreamOptions, deps: UpstreamDeps) {
    this.#options = options;
    this.#routes = new Routes(options);
    this.#context = this.#contextOf(deps);
    this.#attempts = new Attempts(this.#context);
    this.#prober = new Prober(this.#context);
    deps.healthBoard.onDoubt((text, sinceFailureMs) => {
      const server = this.#servers.get(text);
      if (server !== undefined) this.#prober.verify(server, sinceFailureMs);
    });
    this.#loops = new LoopDetector(deps.random, deps.observer, this.#prober);
    this.#hosts = new HostAddresses(deps.clock, deps.resolveHost ?? systemLookup, () => {
      const unknown = this.#assign();
      if (this.#isRunning) this.#checkLoops(unknown);
    });
    this.#assign();
  }

  /** Exchanges in flight, those included that only wait for late responses. */
  get exchangesInFlight(): number {
    return this.#attempts.inFlight;
  }

  /** Exchanges that were not begun because `exchangesMax` were in flight. */
  get exchangesRefused(): number {
    return this.#attempts.refused;
  }

  /** The upstreams in use, as text, each once. */
  get servers(): string[] {
    return [...this.#servers.keys()];
  }

  /** Looks host names up and looks for loops; resolves after 2 s at the latest. */
  async start(): Promise<void> {
    this.#isRunning = true;
    this.#checkLoops(this.#servers.values());
    await this.#watchHosts();
  }

  /**
   * Goes on with other options: queries in flight keep their way, servers that stay keep what was
   * measured of them.
   * @throws {MalformedAddress} @throws {MalformedName} and keeps the options it has
   */
  async reconfigure(options: UpstreamOptions): Promise<void> {
    this.#routes = new Routes(options);
    this.#options = options;
    this.#assign();
    if (!this.#isRunning) return;
    this.#checkLoops(this.#servers.values());
    await this.#watchHosts();
  }

  /** Fails what is in flight and closes all sockets and timers, for good. */
  stop(): void {
    this.#isRunning = false;
    this.#isStopped = true;
    this.#hosts.stop();
    this.#prober.stop();
    this.#attempts.stop();
    for (const server of this.#servers.values()) server.stop();
    this.#context.transport.stop();
  }

  status(): UpstreamStatus[] {
    return this.#routes
      .all()
      .flatMap((route) => route.servers.map((server) => statusOf(server, route, this.#context)));
  }

  /**
   * Whether a name, in wire form and lower case, is one that we ask upstreams for to find loops.
   */
  isLoopProbe(name: Buffer): boolean {
    return this.#loops.isProbe(name);
  }

  /** Tells that a query for such a name reached us: its upstream leads back and is left alone. */
  noteLoop(name: Buffer): void {
    this.#loops.note(name);
  }

  #ask(query: Query): Promise<Outcome> {
    if (this.#isStopped) {
      return Promise.resolve(notAsked(extendedErrorCode.NOT_READY, 'the resolver is stopping'));
    }
    const route = this.#routes.find(query.question.name);
    if (route === undefined || route.servers.length === 0) return Promise.resolve(unserved(route));
    const { random, healthBoard } = this.#context;
    const options = this.#options;
    const choice = choose(route.servers, route.strategy, { random, healthBoard, options });
    if (choice.preferred.length + choice.reserve.length === 0) {
      const text = 'every upstream leads back to this resolver';
      return Promise.resolve(notAsked(extendedErrorCode.NO_REACHABLE_AUTHORITY, text));
    }
    return new Promise((resolve) => {
      new Asking(this.#context, this.#attempts, { query, choice }, resolve).start();
    });
  }

  async #watchHosts(): Promise<void> {
    const hosts = this.#routes
      .all()
      .flatMap(({ addresses }) => addresses)
      .filter(isHostName)
      .map(({ host }) => host);
    await this.#hosts.watch([...new Set(hosts)], this.#options.resolveIntervalMs);
  }

  /**
   * Gives each route the servers of its addresses as they are now, and lets go of those of none.
   * @returns those that were not there before
   */
  #assign(): Server[] {
    const unknown: Server[] = [];
    const used = new Set<Server>();
    for (const route of this.#routes.all()) {
      const addresses = route.addresses.flatMap((address) => this.#hosts.expand(address));
      const servers = addresses.map((address) => this.#serverAt(address, unknown));
      route.servers = [...new Set(servers)];
      for (const server of servers) used.add(server);
    }
    for (const [text, server] of this.#servers) {
      if (used.has(server)) continue;
      server.stop();
      this.#prober.forget(server);
      this.#loops.forget(server);
      this.#servers.delete(text);
    }
    return unknown;
  }

  #serverAt(address: ServerAddress, unknown: Server[]): Server {
    const text = formatServer(address);
    const known = this.#servers.get(text);
    if (known !== undefined) return known;
    const server = new Server(address, this.#context, (found, state) => {
      if (state === 'loop') this.#loops.check(found);
      else this.#prober.checkHealth(found);
    });
    this.#servers.set(text, server);
    unknown.push(server);
    return server;
  }

  #checkLoops(servers: Iterable<Server>): void {
    if (!this.#options.loopDetection) return;
    for (const server of servers) this.#loops.check(server);
  }

  #contextOf(deps: UpstreamDeps): UpstreamContext {
    const options = (): UpstreamOptions => this.#options;
    const { clock, random, observer, healthBoard } = deps;
    const transport =
      deps.transport ??
      new SocketTransport({
        clock,
        random,
        calls: deps.calls,
        options,
        stray: (server, kind) => observer.responseMismatched(formatServer(server), kind),
      });
    return {
      clock,
      random,
      observer,
      healthBoard,
      transport,
      get options() {
        return options();
      },
    };
  }
}

function unserved(route: Route | undefined): Outcome {
  const names = route?.addresses.map(({ host }) => host) ?? [];
  const text =
    names.length === 0 ? 'no upstream is configured' : `no address for ${names.join(', ')}`;
  return notAsked(extendedErrorCode.NO_REACHABLE_AUTHORITY, text);
}

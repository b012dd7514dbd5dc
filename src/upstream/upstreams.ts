import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { SystemCalls } from '../datagram/system-calls.ts';
import { extendedErrorCode } from '../dns/codes.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Stage } from '../query/stage.ts';
import { Asking } from './asking.ts';
import { Attempts } from './attempts.ts';
import { Bootstrap } from './bootstrap.ts';
import { choose } from './choice.ts';
import type { UpstreamContext } from './context.ts';
import type { ExchangeTransport } from './exchange.ts';
import { notAsked } from './failure-outcome.ts';
import type { HealthBoard } from './health-board.ts';
import { HostAddresses } from './host-addresses.ts';
import type { FoundAddresses, ResolveHost } from './host-addresses.ts';
import { knownHost } from './known-hosts.ts';
import { LoopDetector } from './loop-detector.ts';
import type { UpstreamObserver } from './observer.ts';
import type { UpstreamOptions } from './options.ts';
import { Prober } from './prober.ts';
import { Routes, serversOf, tiersOf } from './routes.ts';
import type { Route } from './routes.ts';
import { formatServer, isHostName, serverKey } from '../base/server-address.ts';
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
  /** Stands before the sockets, to see what goes by. */
  readonly tapTransport?: (transport: ExchangeTransport) => ExchangeTransport;
  /** In place of asking the bootstrap servers for host names. */
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
  readonly #bootstrap: Bootstrap;
  readonly #hosts: HostAddresses;
  /** By their key; a server that several routes name is there once. */
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
      for (const server of this.#servers.values()) {
        if (server.text === text) this.#prober.verify(server, sinceFailureMs);
      }
    });
    this.#loops = new LoopDetector(deps.random, deps.observer, this.#prober);
    this.#bootstrap = new Bootstrap(this.#context);
    const resolveHost = deps.resolveHost ?? ((name: string) => this.#resolve(name));
    this.#hosts = new HostAddresses(deps.clock, resolveHost, () => {
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
    return [...new Set(Array.from(this.#servers.values(), ({ text }) => text))];
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
    this.#bootstrap.stop();
    this.#prober.stop();
    this.#attempts.stop();
    for (const server of this.#servers.values()) server.stop();
    this.#context.transport.stop();
  }

  status(): UpstreamStatus[] {
    return this.#routes
      .all()
      .flatMap((route) => serversOf(route).map((server) => statusOf(server, route, this.#context)));
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
    if (route === undefined) return Promise.resolve(unserved(route));
    const { random, healthBoard } = this.#context;
    const options = this.#options;
    const tiers = withoutDoubted(route.tiers, query.doubted);
    const choice = choose(tiers, route.strategy, { random, healthBoard, options });
    if (choice.tiers.length === 0) return Promise.resolve(unserved(route, query.doubted));
    return new Promise((resolve) => {
      new Asking(this.#context, this.#attempts, { query, choice }, resolve).start();
    });
  }

  async #watchHosts(): Promise<void> {
    const names = this.#unlocated().map(({ host }) => host);
    await this.#hosts.watch([...new Set(names)], this.#options.resolveIntervalMs);
  }

  /** The addresses as configured whose host is a name that somebody has to be asked for. */
  #unlocated(): ServerAddress[] {
    const addresses = this.#routes.all().flatMap(({ upstreams }) => upstreams.flat());
    return addresses.filter((address) => isHostName(address) && this.#given(address).length === 0);
  }

  #given({ host }: ServerAddress): readonly string[] {
    return knownHost(this.#options.hosts, host)?.addresses ?? [];
  }

  #resolve(name: string): Promise<FoundAddresses> {
    const hints = this.#unlocated()
      .filter(({ host }) => host === name)
      .flatMap(({ identity }) => identity?.bootstrap ?? []);
    return this.#bootstrap.find(name, hints);
  }

  /** The address itself, or one for each address of its name; none while the name has none. */
  #expand(address: ServerAddress): ServerAddress[] {
    if (!isHostName(address)) return [address];
    const given = this.#given(address);
    const hosts = given.length > 0 ? given : this.#hosts.addressesOf(address.host);
    return hosts.map((host) => ({ ...address, host }));
  }

  /**
   * Gives each route the servers of its addresses as they are now, and lets go of those of none.
   * @returns those that were not there before
   */
  #assign(): Server[] {
    const unknown: Server[] = [];
    const used = new Set<Server>();
    for (const route of this.#routes.all()) {
      const addresses = tiersOf(route.upstreams, (address) => this.#expand(address));
      route.tiers = addresses.map((tier) => [
        ...new Set(tier.map((address) => this.#serverAt(address, unknown))),
      ]);
      for (const server of serversOf(route)) used.add(server);
    }
    for (const [key, server] of this.#servers) {
      if (used.has(server)) continue;
      server.stop();
      this.#prober.forget(server);
      this.#loops.forget(server);
      this.#servers.delete(key);
    }
    return unknown;
  }

  #serverAt(address: ServerAddress, unknown: Server[]): Server {
    const key = serverKey(address);
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    const server = new Server(address, this.#context, (found, state) => {
      if (state === 'loop') this.#loops.check(found);
      else this.#prober.checkHealth(found);
    });
    this.#servers.set(key, server);
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
    const sockets =
      deps.transport ??
      new SocketTransport({
        clock,
        random,
        calls: deps.calls,
        options,
        stray: (server, kind) => observer.responseMismatched(formatServer(server), kind),
        opened: (server, isResumed) => observer.connectionOpened(formatServer(server), isResumed),
      });
    const transport = deps.tapTransport?.(sockets) ?? sockets;
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

/** Why there is nobody to ask. */
function unserved(route: Route | undefined, doubted?: string): Outcome {
  const names = new Set(route?.upstreams.flat().map(({ host }) => host));
  let text = 'every upstream leads back to this resolver';
  if (names.size === 0) text = 'no upstream is configured';
  else if (route?.tiers.every((tier) => tier.length === 0) === true) {
    text = `no address for ${[...names].join(', ')}`;
  } else if (doubted !== undefined) text = 'there is no other upstream to ask';
  return notAsked(extendedErrorCode.NO_REACHABLE_AUTHORITY, text);
}

/** Another way to the one that is doubted is no second opinion. */
function withoutDoubted(tiers: Route['tiers'], doubted: string | undefined): Route['tiers'] {
  if (doubted === undefined) return tiers;
  const host = tiers.flat().find(({ text }) => text === doubted)?.address.host;
  return tiers.map((tier) => tier.filter(({ address }) => address.host !== host));
}

import type { SocketAddress } from '../base/address.ts';
import { sleep } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import type { Flush } from '../cache/bulletins.ts';
import type { Config } from '../config/schema.ts';
import type { InheritedSocket } from '../listen/inherited-sockets.ts';
import type { FilterPause } from '../filter/filter-pauses.ts';
import type { LogChange } from '../telemetry/admin-actions.ts';
import type { CacheFigures, CertificateFigures, Totals } from '../telemetry/figures.ts';
import type { Log } from '../telemetry/log.ts';
import type { PodMetrics } from '../telemetry/metrics.ts';
import type { Sources } from '../telemetry/sample.ts';
import type { WorkersFigures } from '../telemetry/workers-figures.ts';
import { Listeners } from './listeners.ts';
import type { Resolver } from './resolver.ts';
import type { UdpTransport } from './udp-transport.ts';

/**
 * Who takes the queries of clients: the sockets of this process, or its workers. What a replica does
 * beside that is the same either way.
 */
export interface Frontline {
  /** Where clients reach it; empty before {@link open}. */
  readonly addresses: readonly SocketAddress[];
  /** Open connections by transport. */
  connections(): Totals;
  /** Undefined where nothing is encrypted. */
  certificate(): CertificateFigures | undefined;
  /** Undefined where the process takes queries itself. */
  readonly workers: WorkersFigures | undefined;
  /** How metrics of several processes become one; undefined where there is one. */
  readonly podMetrics: PodMetrics | undefined;
  describe(): string[];
  /** @throws {ListenFailed} and leaves nothing open */
  open(): Promise<void>;
  /** Takes nothing new, and waits for what is in flight. @returns how much was not done in time */
  drain(graceMs: number): Promise<number>;
  close(): Promise<void>;
  /** Takes over what changed, after the resolver did. */
  reconfigure(config: Config, changed: readonly string[]): Promise<void>;
  /** Whether a change that elsewhere needs a restart is taken over. */
  takesOver(path: string): boolean;
  /** Forgets what the resolver has forgotten. @returns how many entries more */
  flush(flush: Flush): Promise<number>;
  setLog(change: LogChange): Promise<void>;
  /** Pauses the filter as the resolver does. */
  pauseFilter(pause: FilterPause): Promise<void>;
  /** Takes other secrets for server cookies, as the resolver has them. */
  setCookieSecrets(secrets: readonly string[]): Promise<void>;
  /** Reads the lists of the filter again where they have changed. */
  refreshLists(): Promise<void>;
  /** @param own those of the resolver */
  cacheFigures(own: CacheFigures): Promise<CacheFigures>;
  sources(own: Sources): Sources;
}

export interface FrontlineParts {
  readonly config: Config;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly udp: UdpTransport;
  readonly log: Log;
  /** Sockets that were bound before this process began. */
  readonly inherited?: readonly InheritedSocket[];
}

/** The sockets of this process. */
export class OwnSockets implements Frontline {
  readonly workers = undefined;
  readonly podMetrics = undefined;
  readonly #parts: FrontlineParts;
  #listeners: Listeners | undefined;

  constructor(parts: FrontlineParts) {
    this.#parts = parts;
  }

  get addresses(): readonly SocketAddress[] {
    return this.#listeners?.addresses ?? [];
  }

  connections(): Totals {
    return this.#listeners?.connections() ?? {};
  }

  certificate(): CertificateFigures | undefined {
    return this.#listeners?.certificate();
  }

  describe(): string[] {
    return this.#listeners?.describe() ?? ['nothing'];
  }

  async open(): Promise<void> {
    const { config, resolver, clock, udp, log, inherited = [] } = this.#parts;
    await resolver.startLists();
    const dependencies = { ...resolver.forListeners, clock, log };
    this.#listeners = await Listeners.open(config, udp, dependencies, { inherited });
  }

  async drain(graceMs: number): Promise<number> {
    const { resolver, clock } = this.#parts;
    this.#listeners?.drain();
    await Promise.race([resolver.responder.drained(), sleep(clock, graceMs)]);
    return resolver.responder.inFlight;
  }

  async close(): Promise<void> {
    await this.#listeners?.close();
  }

  reconfigure(): Promise<void> {
    return Promise.resolve(); // the resolver has done it all
  }

  takesOver(): boolean {
    return false;
  }

  flush(): Promise<number> {
    return Promise.resolve(0);
  }

  setLog(): Promise<void> {
    return Promise.resolve();
  }

  pauseFilter(): Promise<void> {
    return Promise.resolve(); // the resolver has done it
  }

  setCookieSecrets(): Promise<void> {
    return Promise.resolve(); // the same
  }

  refreshLists(): Promise<void> {
    return this.#parts.resolver.filter.refresh();
  }

  cacheFigures(own: CacheFigures): Promise<CacheFigures> {
    return Promise.resolve(own);
  }

  sources(own: Sources): Sources {
    return own;
  }
}

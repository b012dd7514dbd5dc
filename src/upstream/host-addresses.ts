import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { canonicalHost, isHostName } from '../base/server-address.ts';
import type { ServerAddress } from '../base/server-address.ts';

/** Looks the addresses of a host name up; rejects when that fails. */
export type ResolveHost = (name: string) => Promise<readonly string[]>;

/** No name of a resolver has more; a Service of Kubernetes without an address of its own might. */
const addressesMax = 16;
/** How long the start waits for names before it goes on without them. */
const startWaitMs = 2000;
/** A name without any address is looked up again after this, rather than at the next interval. */
const unresolvedRetryMs = 2000;

/** Asks the system, as other programs do: its hosts file included. */
export async function systemLookup(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address);
}

/**
 * The addresses of upstreams given by name, looked up again at an interval. What was found last
 * stays when a lookup fails.
 */
export class HostAddresses {
  readonly #clock: Clock;
  readonly #resolve: ResolveHost;
  readonly #changed: () => void;
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #inFlight = new Set<string>();
  #names: readonly string[] = [];
  #timers: Timer[] = [];
  /** Ends the wait of `watch`, if there is one. */
  #goOn = (): void => {};

  /** @param changed called when a name has other addresses than before */
  constructor(clock: Clock, resolve: ResolveHost, changed: () => void) {
    this.#clock = clock;
    this.#resolve = resolve;
    this.#changed = changed;
  }

  /** Looks these names up, now and at the interval; resolves when all are there, or after 2 s. */
  async watch(names: readonly string[], intervalMs: number): Promise<void> {
    this.stop();
    this.#names = names;
    for (const known of this.#addresses.keys()) {
      if (!names.includes(known)) this.#addresses.delete(known);
    }
    if (names.length === 0) return;
    this.#timers = [
      repeat(this.#clock, intervalMs, () => void this.#lookUp(this.#names)),
      repeat(this.#clock, unresolvedRetryMs, () => void this.#lookUp(this.#unresolved())),
    ];
    await this.#firstLookUp(names);
  }

  /** The server itself, or one for each address of its name; none while the name has none. */
  expand(server: ServerAddress): ServerAddress[] {
    if (!isHostName(server)) return [server];
    const addresses = this.#addresses.get(server.host) ?? [];
    return addresses.map((host) => ({ ...server, host }));
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#names = [];
    this.#goOn();
  }

  #firstLookUp(names: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(startWaitMs, resolve);
      this.#goOn = () => {
        timer.cancel();
        resolve();
      };
      void this.#lookUp(names).then(this.#goOn);
    });
  }

  #unresolved(): string[] {
    return this.#names.filter((name) => !this.#addresses.has(name));
  }

  async #lookUp(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#lookUpOne(name)));
  }

  /** A failed lookup is no news: the last addresses stay; without any, queries fail and say so. */
  async #lookUpOne(name: string): Promise<void> {
    if (this.#inFlight.has(name)) return;
    this.#inFlight.add(name);
    const addresses = await this.#resolve(name).catch(() => []);
    this.#inFlight.delete(name);
    this.#found(name, addresses);
  }

  #found(name: string, addresses: readonly string[]): void {
    const valid = addresses.filter((address) => isIP(address) !== 0).map(canonicalHost);
    if (valid.length === 0 || !this.#names.includes(name)) return;
    const unique = [...new Set(valid)].slice(0, addressesMax);
    const before = this.#addresses.get(name);
    this.#addresses.set(name, unique);
    if (before?.join(' ') !== unique.join(' ')) this.#changed();
  }
}

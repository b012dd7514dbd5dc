import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { canonicalHost } from '../base/server-address.ts';

/** The addresses of a host name, and how long they hold if that is known. */
export interface FoundAddresses {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number | undefined;
}

/** Looks the addresses of a host name up; rejects, or finds none, when that fails. */
export type ResolveHost = (name: string) => Promise<FoundAddresses>;

/** No name of a resolver has more; a Service of Kubernetes without an address of its own might. */
const addressesMax = 16;
/** How long the start waits for names before it goes on without them. */
const startWaitMs = 2000;
/** What is due is looked for so often; a name without any address always is. */
const tickMs = 2000;
/** However long addresses hold, they are looked up again after this. */
const lifetimeMaxMs = 3_600_000;

/** Asks the system, as other programs do: its hosts file included. */
export async function systemLookup(name: string): Promise<FoundAddresses> {
  const found = await lookup(name, { all: true });
  return { addresses: found.map(({ address }) => address), ttlSeconds: undefined };
}

/** What is known of a name. */
interface Host {
  addresses: readonly string[];
  dueAtMs: number;
  isInFlight: boolean;
}

/**
 * The addresses of upstreams given by name, looked up again when their TTL is over, though not more
 * often than set. What was found last stays when a lookup fails.
 */
export class HostAddresses {
  readonly #clock: Clock;
  readonly #resolve: ResolveHost;
  readonly #changed: () => void;
  readonly #hosts = new Map<string, Host>();
  #intervalMs = 0;
  #ticks: Timer | undefined;
  /** Ends the wait of `watch`, if there is one. */
  #goOn = (): void => {};

  /** @param changed called when a name has other addresses than before */
  constructor(clock: Clock, resolve: ResolveHost, changed: () => void) {
    this.#clock = clock;
    this.#resolve = resolve;
    this.#changed = changed;
  }

  /**
   * Looks these names up, now and whenever they are due; resolves when all are there, or after 2 s.
   * @param intervalMs shortest time between two lookups of a name that is known
   */
  async watch(names: readonly string[], intervalMs: number): Promise<void> {
    this.stop();
    this.#intervalMs = intervalMs;
    for (const known of this.#hosts.keys()) if (!names.includes(known)) this.#hosts.delete(known);
    for (const name of names) {
      const addresses = this.#hosts.get(name)?.addresses ?? [];
      this.#hosts.set(name, { addresses, dueAtMs: 0, isInFlight: false });
    }
    if (names.length === 0) return;
    this.#ticks = repeat(this.#clock, Math.min(tickMs, intervalMs), () => void this.#lookUpDue());
    await this.#firstLookUp(names);
  }

  /** What is known of a name now; none while it has none. */
  addressesOf(name: string): readonly string[] {
    return this.#hosts.get(name)?.addresses ?? [];
  }

  stop(): void {
    this.#ticks?.cancel();
    this.#goOn();
    // What lookups in flight find is for nobody now.
    for (const [name, host] of this.#hosts) this.#hosts.set(name, { ...host });
  }

  #firstLookUp(names: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(startWaitMs, resolve);
      this.#goOn = () => {
        timer.cancel();
        resolve();
      };
      void this.#lookUpAll(names).then(this.#goOn);
    });
  }

  #lookUpDue(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const due = [...this.#hosts].filter(([, host]) => host.dueAtMs <= nowMs);
    return this.#lookUpAll(due.map(([name]) => name));
  }

  async #lookUpAll(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#lookUp(name)));
  }

  /** A failed lookup is no news: the last addresses stay; without any, queries fail and say so. */
  async #lookUp(name: string): Promise<void> {
    const host = this.#hosts.get(name);
    if (host === undefined || host.isInFlight) return;
    host.isInFlight = true;
    const found = await this.#resolve(name).catch(() => undefined);
    host.isInFlight = false;
    if (this.#hosts.get(name) === host) this.#note(host, found);
  }

  #note(host: Host, found: FoundAddresses | undefined): void {
    const valid = (found?.addresses ?? []).filter((address) => isIP(address) !== 0);
    const unique = [...new Set(valid.map(canonicalHost))].slice(0, addressesMax);
    const before = host.addresses;
    if (unique.length > 0) host.addresses = unique;
    if (host.addresses.length === 0) return;
    const ttlMs = Math.min((found?.ttlSeconds ?? 0) * 1000, lifetimeMaxMs);
    host.dueAtMs = this.#clock.nowMs() + Math.max(this.#intervalMs, ttlMs);
    if (before.join(' ') !== host.addresses.join(' ')) this.#changed();
  }
}

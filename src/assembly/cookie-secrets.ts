import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { deriveSecret, randomSeed, seedLength } from '../base/derived-secret.ts';
import type { Config } from '../config/schema.ts';
import { cookieSecretLength } from '../dns/server-cookie.ts';

type CookieOptions = Config['listen']['cookies'];

/** RFC 7873 section 7.1 asks for at least once in 36 days, and advises once a day. */
const secretLifeMs = 24 * 3600 * 1000;
/** How often it is looked whether the next secret has its turn. */
const lookIntervalMs = 60_000;

/**
 * The secrets of server cookies: those that are configured, or one for each day, made from a seed.
 * All who have the seed change to the next secret at the same time, and nothing is sent for it; the
 * secrets of the day before and of the day after are accepted, for cookies from before midnight and
 * for replicas whose clocks differ.
 */
export class CookieSecrets {
  readonly #clock: Clock;
  readonly #onChange: (secrets: readonly string[]) => void;
  readonly #looks: Timer;
  #options: CookieOptions;
  #seed: Buffer = randomSeed();
  #current: readonly string[] = [];

  /** @param onChange is told of other secrets: in hexadecimal digits, the first signs; none: off */
  constructor(
    options: CookieOptions,
    clock: Clock,
    onChange: (secrets: readonly string[]) => void,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#looks = repeat(clock, lookIntervalMs, () => this.#update());
    this.#update();
  }

  get current(): readonly string[] {
    return this.#current;
  }

  /** What this replica brings, should it be the first of its cluster. */
  get seed(): Buffer {
    return this.#seed;
  }

  /** Takes over the seed of the cluster. */
  adopt(seed: Buffer): void {
    if (seed.length !== seedLength) return; // of another version: cookies of ours stay
    this.#seed = seed;
    this.#update();
  }

  reconfigure(options: CookieOptions): void {
    this.#options = options;
    this.#update();
  }

  stop(): void {
    this.#looks.cancel();
  }

  #update(): void {
    const secrets = this.#secrets();
    if (secrets.join() === this.#current.join()) return;
    this.#current = secrets;
    this.#onChange(secrets);
  }

  #secrets(): readonly string[] {
    const { enabled, secrets } = this.#options;
    if (!enabled) return [];
    if (secrets.length > 0) return secrets;
    const day = Math.floor(this.#clock.wallMs() / secretLifeMs);
    return [day, day - 1, day + 1].map((number) => this.#secretOf(number));
  }

  #secretOf(day: number): string {
    const use = `server cookie ${String(day)}`;
    return deriveSecret(this.#seed, use, cookieSecretLength).toString('hex');
  }
}

import { ChurningMap } from '../base/churning-map.ts';
import { Attempt } from './attempt.ts';
import type { AttemptListener, AttemptQuestion } from './attempt.ts';
import type { UpstreamContext } from './context.ts';
import type { Server } from './server.ts';

/**
 * All attempts in flight. Two equal questions to one upstream share one attempt, the one that a
 * settled query left behind included: never two identical ones are outstanding (RFC 5452 section
 * 5).
 */
export class Attempts {
  readonly #context: UpstreamContext;
  readonly #inFlight = new ChurningMap<string, Attempt>();
  #refused = 0;

  constructor(context: UpstreamContext) {
    this.#context = context;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** How many were not begun because too many were in flight. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Asks `server`, on behalf of `listener` until `untilMs`.
   * @returns undefined when too many are in flight
   */
  begin(
    server: Server,
    asked: AttemptQuestion,
    listener: AttemptListener,
    untilMs: number,
  ): Attempt | undefined {
    const key = `${server.text} ${asked.keyText}`;
    const known = this.#inFlight.get(key);
    if (known !== undefined) {
      known.join(listener, untilMs);
      return known;
    }
    if (this.#inFlight.size >= this.#context.options.exchangesMax) {
      this.#refused++;
      return undefined;
    }
    const attempt = new Attempt(this.#context, server, asked, () => this.#inFlight.delete(key));
    this.#inFlight.set(key, attempt);
    attempt.join(listener, untilMs);
    return attempt;
  }

  /** Ends all of them, and tells those who wait. */
  stop(): void {
    for (const attempt of this.#inFlight.values()) attempt.abandon();
  }
}

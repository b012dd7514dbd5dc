import type { Clock } from '../base/clock.ts';
import { extendedErrorCode, responseCode } from '../dns/codes.ts';
import { failure } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Arrival, Query } from '../query/query.ts';
import { readQuery } from '../query/read-query.ts';
import { encodeRejection, encodeReply } from '../query/reply.ts';
import type { ReplyLimits } from '../query/reply.ts';
import type { Next } from '../query/stage.ts';
import type { ArrivalObserver } from './arrival-observer.ts';

export interface ResponderOptions extends ReplyLimits {
  /** Queries that may be on their way through the stages at a time, over all transports. */
  readonly queriesInFlightMax: number;
}

/** Takes the octets of a query and gives those of the response, through the stages. */
export class Responder {
  readonly #resolve: Next;
  readonly #clock: Clock;
  readonly #observer: ArrivalObserver;
  #options: ResponderOptions;
  #inFlight = 0;
  #idle = Promise.withResolvers<void>();

  constructor(resolve: Next, clock: Clock, observer: ArrivalObserver, options: ResponderOptions) {
    this.#resolve = resolve;
    this.#clock = clock;
    this.#observer = observer;
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  setOptions(options: ResponderOptions): void {
    this.#options = options;
  }

  /**
   * The response to `wire`, or undefined where silence is right. `wire` must not change until
   * then. Never rejects.
   */
  respond(
    wire: Buffer,
    from: Pick<Arrival, 'transport' | 'client'>,
  ): Promise<Buffer | undefined> | Buffer | undefined {
    const arrival = { ...from, receivedAtMs: this.#clock.nowMs() };
    const read = readQuery(wire, arrival);
    if (read.kind === 'drop') {
      this.#observer.countDropped(read.reason);
      return undefined;
    }
    if (read.kind === 'reject') {
      this.#observer.countRejected(from.transport, read.reason, read.code);
      return encodeRejection(wire, read, this.#options);
    }
    if (this.#inFlight >= this.#options.queriesInFlightMax) {
      this.#observer.countShed(from.transport, 'in_flight', responseCode.SERVFAIL);
      return encodeReply(read.query, overloaded, this.#options);
    }
    return this.#settle(read.query);
  }

  /** Resolves when no query is in flight any more. */
  async drained(): Promise<void> {
    while (this.#inFlight > 0) await this.#idle.promise;
  }

  async #settle(query: Query): Promise<Buffer | undefined> {
    this.#inFlight++;
    try {
      return encodeReply(query, await this.#resolve(query), this.#options);
    } finally {
      this.#inFlight--;
      if (this.#inFlight === 0) {
        this.#idle.resolve();
        this.#idle = Promise.withResolvers<void>();
      }
    }
  }
}

const overloaded: Outcome = failure(responseCode.SERVFAIL, 'admit', {
  code: extendedErrorCode.OTHER,
  text: 'too many queries in flight',
});

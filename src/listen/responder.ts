import type { Clock } from '../base/clock.ts';
import { extendedErrorCode, responseCode } from '../dns/codes.ts';
import { clientVerdict } from '../query/client-verdict.ts';
import type { ClientVerdict } from '../query/client-verdict.ts';
import { failure } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Arrival, Query } from '../query/query.ts';
import { readQuery } from '../query/read-query.ts';
import { encodeRejection, encodeReply, encodeTruncated } from '../query/reply.ts';
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

  /**
   * The response to a query of a client that is not served: REFUSED for who may not ask, a
   * truncated one or none for who asks too much. What is no query is dropped as ever.
   */
  turnAway(
    wire: Buffer,
    from: Pick<Arrival, 'transport' | 'client'>,
    verdict: ClientVerdict,
  ): Buffer | undefined {
    if (verdict === clientVerdict.drop) {
      this.#observer.countShed(from.transport, 'rate_limit');
      return undefined;
    }
    const read = readQuery(wire, { ...from, receivedAtMs: this.#clock.nowMs() });
    if (read.kind !== 'query') {
      this.#observer.countDropped(read.reason);
      return undefined;
    }
    if (verdict === clientVerdict.refuse) {
      this.#observer.countShed(from.transport, 'access', responseCode.REFUSED);
      return encodeReply(read.query, prohibited, this.#options);
    }
    this.#observer.countShed(from.transport, 'rate_limit', responseCode.NOERROR);
    return encodeTruncated(read.query, this.#options);
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

const prohibited: Outcome = failure(responseCode.REFUSED, 'admit', {
  code: extendedErrorCode.PROHIBITED,
  text: 'this address is not served',
});

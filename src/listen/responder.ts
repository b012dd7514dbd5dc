import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import type { Clock } from '../base/clock.ts';
import { extendedErrorCode, responseCode } from '../dns/codes.ts';
import { clientVerdict } from '../query/client-verdict.ts';
import type { ClientVerdict } from '../query/client-verdict.ts';
import { failure } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Arrival, Query } from '../query/query.ts';
import { readQuery } from '../query/read-query.ts';
import { encodeBadCookie, encodeRejection, encodeReply, encodeTruncated } from '../query/reply.ts';
import type { ReplyLimits } from '../query/reply.ts';
import type { ServerCookies } from '../query/server-cookies.ts';
import type { Next } from '../query/stage.ts';
import type { ArrivalObserver } from './arrival-observer.ts';
import type { VerifiedClients } from './client-gate.ts';

export interface ResponderOptions extends ReplyLimits {
  /** Queries that may be on their way through the stages at a time, over all transports. */
  readonly queriesInFlightMax: number;
}

export interface ResponderParts {
  readonly clock: Clock;
  readonly observer: ArrivalObserver;
  readonly cookies: ServerCookies;
  readonly verified: VerifiedClients;
}

/** Where a query came from. */
type Origin = Pick<Arrival, 'transport' | 'client'>;

/** The octets of a response, undefined where silence is right; at once where nobody has to be asked. */
export type Response = Promise<Buffer | undefined> | Buffer | undefined;

/** Takes the octets of a query and gives those of the response, through the stages. */
export class Responder {
  readonly #resolve: Next;
  readonly #clock: Clock;
  readonly #observer: ArrivalObserver;
  readonly #cookies: ServerCookies;
  readonly #verified: VerifiedClients;
  readonly #clientOctets = new Uint8Array(addressLengthMax);
  #options: ResponderOptions;
  #inFlight = 0;
  #idle = Promise.withResolvers<void>();

  constructor(resolve: Next, parts: ResponderParts, options: ResponderOptions) {
    const { clock, observer, cookies, verified } = parts;
    this.#resolve = resolve;
    this.#clock = clock;
    this.#observer = observer;
    this.#cookies = cookies;
    this.#verified = verified;
    this.#options = { ...options, cookies };
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  setOptions(options: ResponderOptions): void {
    this.#options = { ...options, cookies: this.#cookies };
  }

  /** The response to `wire`, which must not change until then. Never rejects. */
  respond(wire: Buffer, from: Origin, verdict: ClientVerdict = clientVerdict.serve): Response {
    if (verdict !== clientVerdict.serve && !this.#isReadmitted(wire, from, verdict)) {
      return this.#turnAway(wire, from, verdict);
    }
    const arrival = { ...from, receivedAtMs: this.#clock.nowMs() };
    const read = readQuery(wire, arrival);
    if (read.kind === 'drop') {
      this.#observer.countDropped(read.reason);
      return undefined;
    }
    if (read.kind === 'reject') {
      this.#observer.countRejected(from.transport, read.reason, read.code);
      return encodeRejection(wire, read, this.#options, from.client);
    }
    if (this.#inFlight >= this.#options.queriesInFlightMax) {
      this.#observer.countShed(from.transport, 'in_flight', responseCode.SERVFAIL);
      return encodeReply(read.query, overloaded, this.#options);
    }
    return this.#settle(read.query);
  }

  /**
   * The response to a query of a client that is not served: REFUSED for who may not ask, a
   * truncated one or none for who asks too much, and for who can read cookies one of ours to come
   * back with (RFC 7873 section 5.2.3). What is no query is dropped as ever.
   */
  #turnAway(wire: Buffer, from: Origin, verdict: ClientVerdict): Buffer | undefined {
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
    return this.#cookies.isShownIn(wire)
      ? encodeBadCookie(read.query, this.#options)
      : encodeTruncated(read.query, this.#options);
  }

  /** Who is over its limit, but shows that its address is no forgery, has a larger one. */
  #isReadmitted(wire: Buffer, { client }: Origin, verdict: ClientVerdict): boolean {
    if (verdict === clientVerdict.refuse || !this.#cookies.isVerified(wire, client)) return false;
    const length = writeAddress(client.host, this.#clientOctets);
    return this.#verified.admitsVerified(this.#clientOctets, 0, length, this.#clock.nowMs());
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

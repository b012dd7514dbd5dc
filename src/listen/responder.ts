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
import { clientPrefix } from './client-prefix.ts';
import type { PrefixLengths } from './client-prefix.ts';
import { WaitingQueries } from './waiting-queries.ts';
import type { WaitingLimit, WaitingLimits } from './waiting-queries.ts';

/** Queries that may be on their way through the stages at a time are those over all transports. */
export interface ResponderOptions extends ReplyLimits, WaitingLimits {
  /** What counts as one client. */
  readonly client: PrefixLengths;
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
  readonly #waiting = new WaitingQueries();
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
    return this.#waiting.size;
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
    while (this.inFlight > 0) await this.#idle.promise;
  }

  /** Through the stages, unless a limit stands against it, then or before they are done. */
  #settle(query: Query): Response {
    const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
    const client = clientPrefix(query.client.host, this.#options.client);
    const waiting = this.#waiting.enter(client, this.#options, (limit) =>
      resolve(this.#shed(query, limit)),
    );
    if (typeof waiting === 'string') return this.#shed(query, waiting);
    void this.#resolve(query)
      .then((outcome) => {
        if (!waiting.isShed) resolve(encodeReply(query, outcome, this.#options));
      })
      .finally(() => {
        this.#waiting.leave(waiting);
        if (this.inFlight > 0) return;
        this.#idle.resolve();
        this.#idle = Promise.withResolvers<void>();
      });
    return promise;
  }

  #shed(query: Query, limit: WaitingLimit): Buffer | undefined {
    this.#observer.countShed(query.transport, limit, responseCode.SERVFAIL);
    return encodeReply(query, overloaded, this.#options);
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

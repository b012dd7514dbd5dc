import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Timer } from '../base/clock.ts';
import { putUint16, uint16At } from '../base/bytes.ts';
import { describeError } from '../base/errors.ts';
import type { ExchangeFailure } from '../base/errors.ts';
import { connectTimeoutMs } from './dial.ts';
import type { Dial } from './dial.ts';
import { collectResponse, dnsMediaType } from './https-response.ts';
import type { ConnectionDeps, PooledConnection, PooledQuery } from './pooled-connection.ts';

/** Until a server says how many streams it takes at a time (RFC 9113 section 6.5.2 advises 100). */
const streamsBeforeSettings = 100;

/** Where requests go: `dns.example:443` and `/dns-query`. */
export interface HttpsTarget {
  readonly authority: string;
  readonly path: string;
}

/** A query and the stream that it went out by, once the connection stood. */
interface Request {
  readonly query: PooledQuery;
  readonly sentAtMs: number;
  stream: ClientHttp2Stream | undefined;
}

/**
 * One HTTP/2 connection to a DoH server (RFC 8484): each query is a POST on a stream of its own. It
 * closes itself when it is idle.
 */
export class HttpsConnection implements PooledConnection {
  readonly #deps: ConnectionDeps;
  readonly #target: HttpsTarget;
  readonly #socket: ReturnType<Dial>['socket'];
  readonly #reasonOf: (error: Error) => ExchangeFailure;
  readonly #requests = new Set<Request>();
  #session: ClientHttp2Session | undefined;
  #timer: Timer;
  #isOver = false;
  /** It gets no further query, and goes when nobody needs it. */
  #isLeaving = false;
  #receivedAtMs = Number.NEGATIVE_INFINITY;

  constructor(target: HttpsTarget, dial: Dial, deps: ConnectionDeps) {
    this.#deps = deps;
    this.#target = target;
    const { socket, reasonOf } = dial((isResumed) => this.#onReady(isResumed));
    this.#socket = socket;
    this.#reasonOf = reasonOf;
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#end('closed', 'the connection was closed'));
    this.#timer = deps.clock.setTimer(connectTimeoutMs, () =>
      this.#end('timeout', `no connection within ${String(connectTimeoutMs)} ms`),
    );
  }

  get load(): number {
    return this.#requests.size;
  }

  get isUsable(): boolean {
    const session = this.#session;
    if (this.#isOver || this.#isLeaving || session?.closed === true) return false;
    return this.load < (session?.remoteSettings.maxConcurrentStreams ?? streamsBeforeSettings);
  }

  send(query: PooledQuery): () => void {
    const request = { query, sentAtMs: this.#deps.clock.nowMs(), stream: undefined };
    query.hasResponse = false;
    this.#requests.add(request);
    if (this.#session !== undefined) this.#begin(request, this.#session);
    return () => this.#leave(request);
  }

  destroy(): void {
    this.#isOver = true;
    this.#timer.cancel();
    this.#session?.destroy();
    this.#socket.destroy();
  }

  #onReady(isResumed: boolean): void {
    if (this.#isOver) return;
    const session = connect(`https://${this.#target.authority}`, {
      createConnection: () => this.#socket,
      settings: { enablePush: false },
    });
    session.on('error', (error: Error) => this.#fail(error));
    session.on('close', () => this.#end('closed', 'the upstream closed the connection'));
    session.on('goaway', () => (this.#isLeaving = true));
    this.#session = session;
    this.#timer.cancel();
    this.#deps.opened(isResumed);
    for (const request of this.#requests) this.#begin(request, session);
    this.#awaitWork();
  }

  /** The id is 0, so that equal questions are equal requests (RFC 8484 section 4.1). */
  #begin(request: Request, session: ClientHttp2Session): void {
    this.#timer.cancel();
    const body = Buffer.from(request.query.message);
    putUint16(body, 0, 0);
    const stream = session.request({
      ':method': 'POST',
      ':path': this.#target.path,
      accept: dnsMediaType,
      'content-type': dnsMediaType,
      'content-length': body.length,
    });
    request.stream = stream;
    collectResponse(stream, {
      progress: () => (this.#receivedAtMs = this.#deps.clock.nowMs()),
      message: (octets) => this.#onMessage(request, octets),
      refused: (text) => this.#settle(request, () => request.query.refused('protocol', text)),
      broken: (text) => this.#onBroken(request, text),
    });
    stream.end(body);
  }

  #onMessage(request: Request, octets: Buffer): void {
    const { query } = request;
    query.hasResponse = true;
    if (octets.length >= 2 && uint16At(octets, 0) === 0) {
      putUint16(octets, 0, uint16At(query.message, 0));
    }
    this.#settle(request, () => {
      query.answered(octets);
      query.refused('malformed', 'a response to something else'); // where it was not taken
    });
  }

  /** A stream that the server did not begin to work on may be sent again (RFC 9113 section 8.7). */
  #onBroken(request: Request, text: string): void {
    const end = { left: [request.query], wasOpen: true, reason: 'closed', text } as const;
    this.#settle(request, () => this.#deps.returned(end));
  }

  #settle(request: Request, tell: () => void): void {
    if (!this.#requests.delete(request)) return;
    tell();
    if (this.#requests.size === 0) this.#awaitWork();
  }

  /**
   * Nobody waits for a response any more. If nothing at all has come since the query was sent, the
   * connection may lead nowhere.
   */
  #leave(request: Request): void {
    if (!this.#requests.delete(request)) return;
    if (this.#receivedAtMs < request.sentAtMs) this.#isLeaving = true;
    request.stream?.close();
    if (this.#requests.size === 0 && this.#session !== undefined) this.#awaitWork();
  }

  #awaitWork(): void {
    this.#timer.cancel();
    if (this.#isOver || this.#requests.size > 0) return;
    if (this.#isLeaving) {
      this.#end('closed', 'the connection led nowhere');
      return;
    }
    const idleMs = this.#deps.idleTimeoutMs();
    this.#timer = this.#deps.clock.setTimer(idleMs, () => this.#end('closed', 'it was idle'));
  }

  #fail(error: Error): void {
    this.#end(this.#reasonOf(error), describeError(error));
  }

  #end(reason: ExchangeFailure, text: string): void {
    if (this.#isOver) return;
    this.destroy();
    const left = Array.from(this.#requests, ({ query }) => query);
    this.#requests.clear();
    this.#deps.closed();
    this.#deps.returned({ left, wasOpen: this.#session !== undefined, reason, text });
  }
}

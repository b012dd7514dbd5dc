import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ChurningMap } from '../base/churning-map.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { putUint16, uint16At } from '../base/bytes.ts';
import { describeError } from '../base/errors.ts';
import type { ExchangeFailure } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { frame, FrameReader } from '../dns/frame-reader.ts';
import type { ServerAddress } from '../base/server-address.ts';
import { reasonOf } from './system-failure.ts';

/** A SYN is repeated after 1 and 3 s (RFC 6298 section 2); a query has no patience for more. */
const connectTimeoutMs = 3000;
/** A server that does not read gets nothing more once so much waits to be written. */
const unwrittenBytesMax = 65_536;
/** Two octets of id that no message of a live query has in common on one connection. */
const idsMax = 0x1_0000;

/** A query on a connection. */
export interface TcpQuery {
  /** Its id is replaced by one that is free on the connection. */
  readonly message: Buffer;
  /** A message with its id has come. */
  hasResponse: boolean;
  /** Such a message, with the id of `message`; there may be several. */
  readonly answered: (octets: Buffer) => void;
}

/** What a connection is told and tells. */
export interface TcpConnectionDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly idleTimeoutMs: () => number;
  /** A message with an id that nobody waits for. */
  readonly stray: () => void;
  /** It is over; `left` are the queries without a response, and `wasOpen` whether it ever stood. */
  readonly closed: (end: ConnectionEnd) => void;
}

/** How a connection ended. */
export interface ConnectionEnd {
  readonly left: readonly TcpQuery[];
  readonly wasOpen: boolean;
  readonly reason: ExchangeFailure;
  readonly text: string;
}

/**
 * One connection to an upstream: queries are written without waiting for responses, which come in
 * any order (RFC 7766 sections 6.2.1.1 and 7). It closes itself when it is idle.
 */
export class TcpConnection {
  readonly #deps: TcpConnectionDeps;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  /** By id; undefined where nobody waits any more, so that a live id is not given out twice. */
  readonly #queries = new ChurningMap<number, TcpQuery | undefined>();
  #live = 0;
  #timer: Timer;
  #isOpen = false;
  #isOver = false;
  #isSuspect = false;
  #receivedAtMs = Number.NEGATIVE_INFINITY;

  constructor(server: ServerAddress, deps: TcpConnectionDeps) {
    this.#deps = deps;
    this.#socket = connect({ host: server.host, port: server.port, noDelay: true });
    this.#socket.on('connect', () => this.#onConnect());
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('error', (error) => this.#end(reasonOf(error), describeError(error)));
    this.#socket.on('end', () => this.#end('closed', 'the upstream closed the connection'));
    this.#socket.on('close', () => this.#end('closed', 'the connection was closed'));
    this.#timer = deps.clock.setTimer(connectTimeoutMs, () =>
      this.#end('timeout', `no connection within ${String(connectTimeoutMs)} ms`),
    );
  }

  /** Queries without a response, the abandoned ones included. */
  get load(): number {
    return this.#queries.size;
  }

  /** Whether it can be given a query. */
  get isUsable(): boolean {
    return !this.#isOver && !this.#isSuspect && this.#socket.writableLength < unwrittenBytesMax;
  }

  /**
   * Sends a query; the caller has asked {@link isUsable} and bounds {@link load}.
   * @returns what to call when no response is waited for any more
   */
  send(query: TcpQuery): () => void {
    const id = this.#freeId();
    const framed = frame(query.message);
    putUint16(framed, 2, id);
    query.hasResponse = false;
    this.#queries.set(id, query);
    this.#live++;
    if (this.#isOpen) this.#timer.cancel();
    const sentAtMs = this.#deps.clock.nowMs();
    this.#socket.write(framed);
    return () => this.#leave(id, query, sentAtMs);
  }

  /** Closes it without telling anybody. */
  destroy(): void {
    this.#isOver = true;
    this.#timer.cancel();
    this.#socket.destroy();
  }

  #onConnect(): void {
    this.#isOpen = true;
    this.#timer.cancel();
    if (this.#live === 0) this.#awaitWork();
  }

  #onData(chunk: Buffer): void {
    this.#receivedAtMs = this.#deps.clock.nowMs();
    this.#reader.push(chunk);
    let octets = this.#reader.next();
    while (octets !== undefined && !this.#isOver) {
      this.#onMessage(octets);
      octets = this.#reader.next();
    }
  }

  #onMessage(octets: Buffer): void {
    const id = octets.length < 2 ? -1 : uint16At(octets, 0);
    if (!this.#queries.has(id)) {
      this.#deps.stray();
      return;
    }
    const query = this.#queries.get(id);
    if (query === undefined) {
      this.#queries.delete(id);
      return;
    }
    query.hasResponse = true;
    putUint16(octets, 0, uint16At(query.message, 0));
    query.answered(octets);
  }

  /**
   * Nobody waits for a response any more. An id that had none yet stays taken (RFC 7766
   * section 6.2.1.1). If nothing at all has come since the query was sent, the connection may lead
   * nowhere: it gets no further query, and goes when nobody needs it.
   */
  #leave(id: number, query: TcpQuery, sentAtMs: number): void {
    if (this.#isOver || this.#queries.get(id) !== query) return;
    if (query.hasResponse) this.#queries.delete(id);
    else this.#queries.set(id, undefined);
    if (this.#receivedAtMs < sentAtMs) this.#isSuspect = true;
    this.#release();
  }

  #release(): void {
    this.#live--;
    if (this.#live > 0) return;
    if (this.#isSuspect) this.#end('closed', 'the connection led nowhere');
    else if (this.#isOpen) this.#awaitWork();
  }

  #awaitWork(): void {
    this.#timer.cancel();
    this.#timer = this.#deps.clock.setTimer(this.#deps.idleTimeoutMs(), () =>
      this.#end('closed', 'it was idle'),
    );
  }

  #end(reason: ExchangeFailure, text: string): void {
    if (this.#isOver) return;
    this.destroy();
    const left = this.#queries.values().filter((query) => query !== undefined);
    this.#queries.clear();
    this.#deps.closed({ left, wasOpen: this.#isOpen, reason, text });
  }

  /**
   * An id by chance that no query in flight has (RFC 7766 section 6.2.1.1); there are more than
   * queries.
   */
  #freeId(): number {
    let id = this.#deps.random.uint16();
    while (this.#queries.has(id)) id = (id + 1) % idsMax;
    return id;
  }
}

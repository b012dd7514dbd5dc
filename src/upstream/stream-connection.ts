import type { Socket } from 'node:net';
import { ChurningMap } from '../base/churning-map.ts';
import type { Timer } from '../base/clock.ts';
import { putUint16, uint16At } from '../base/bytes.ts';
import { describeError } from '../base/errors.ts';
import type { ExchangeFailure } from '../base/errors.ts';
import { frame, FrameReader } from '../dns/frame-reader.ts';
import { connectTimeoutMs } from './dial.ts';
import type { Dial } from './dial.ts';
import { FrameWriter } from './frame-writer.ts';
import { keepaliveMsOf } from './keepalive.ts';
import type { ConnectionDeps, PooledConnection, PooledQuery } from './pooled-connection.ts';

/** A server that does not read gets nothing more once so much waits to be written. */
const unwrittenBytesMax = 65_536;
/** Two octets of id that no message of a live query has in common on one connection. */
const idsMax = 0x1_0000;

/**
 * One connection to an upstream over TCP or TLS: queries are written without waiting for responses,
 * which come in any order (RFC 7766 sections 6.2.1.1 and 7, RFC 7858 section 3.3). It closes itself
 * when it is idle, as soon or as late as the server said (RFC 7828).
 */
export class StreamConnection implements PooledConnection {
  readonly #deps: ConnectionDeps;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #writer: FrameWriter;
  /** By id; undefined where nobody waits any more, so that a live id is not given out twice. */
  readonly #queries = new ChurningMap<number, PooledQuery | undefined>();
  #live = 0;
  #timer: Timer;
  #isOpen = false;
  #isOver = false;
  /** It gets no further query, and goes when nobody needs it. */
  #isLeaving = false;
  #keepaliveMs: number | undefined;
  #receivedAtMs = Number.NEGATIVE_INFINITY;

  constructor(dial: Dial, deps: ConnectionDeps) {
    this.#deps = deps;
    const { socket, reasonOf } = dial((isResumed) => this.#onReady(isResumed));
    this.#socket = socket;
    this.#writer = new FrameWriter(socket);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.#end(reasonOf(error), describeError(error)));
    socket.on('end', () => this.#end('closed', 'the upstream closed the connection'));
    socket.on('close', () => this.#end('closed', 'the connection was closed'));
    this.#timer = deps.clock.setTimer(connectTimeoutMs, () =>
      this.#end('timeout', `no connection within ${String(connectTimeoutMs)} ms`),
    );
  }

  get load(): number {
    return this.#queries.size;
  }

  get isUsable(): boolean {
    const isFull = this.#writer.unwrittenBytes >= unwrittenBytesMax;
    return !this.#isOver && !this.#isLeaving && !isFull;
  }

  send(query: PooledQuery): () => void {
    const id = this.#freeId();
    const framed = frame(query.message);
    putUint16(framed, 2, id);
    query.hasResponse = false;
    this.#queries.set(id, query);
    this.#live++;
    const sentAtMs = this.#deps.clock.nowMs();
    if (this.#isOpen) this.#timer.cancel();
    this.#writer.write(framed);
    return () => this.#leave(id, query, sentAtMs);
  }

  destroy(): void {
    this.#isOver = true;
    this.#timer.cancel();
    this.#socket.destroy();
  }

  /** Nothing went out before: not to who has not proved who it is. */
  #onReady(isResumed: boolean): void {
    if (this.#isOver) return;
    this.#isOpen = true;
    this.#timer.cancel();
    this.#deps.opened(isResumed);
    this.#writer.open();
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
    this.#noteKeepalive(octets);
    const query = this.#queries.get(id);
    if (query === undefined) {
      this.#queries.delete(id);
      return;
    }
    query.hasResponse = true;
    putUint16(octets, 0, uint16At(query.message, 0));
    query.answered(octets);
  }

  /** RFC 7828 section 3.2.2: the last one holds; 0 asks to close as soon as that is possible. */
  #noteKeepalive(octets: Buffer): void {
    this.#keepaliveMs = keepaliveMsOf(octets) ?? this.#keepaliveMs;
    if (this.#keepaliveMs === 0) this.#isLeaving = true;
  }

  /**
   * Nobody waits for a response any more. An id that had none yet stays taken (RFC 7766
   * section 6.2.1.1). If nothing at all has come since the query was sent, the connection may lead
   * nowhere.
   */
  #leave(id: number, query: PooledQuery, sentAtMs: number): void {
    if (this.#isOver || this.#queries.get(id) !== query) return;
    if (query.hasResponse) this.#queries.delete(id);
    else this.#queries.set(id, undefined);
    if (this.#receivedAtMs < sentAtMs) this.#isLeaving = true;
    this.#live--;
    if (this.#live > 0) return;
    if (this.#isLeaving) this.#end('closed', 'the connection led nowhere');
    else if (this.#isOpen) this.#awaitWork();
  }

  #awaitWork(): void {
    this.#timer.cancel();
    const idleMs = this.#keepaliveMs ?? this.#deps.idleTimeoutMs();
    this.#timer = this.#deps.clock.setTimer(idleMs, () => this.#end('closed', 'it was idle'));
  }

  #end(reason: ExchangeFailure, text: string): void {
    if (this.#isOver) return;
    this.destroy();
    const left = this.#queries.values().filter((query) => query !== undefined);
    this.#queries.clear();
    this.#deps.closed();
    this.#deps.returned({ left, wasOpen: this.#isOpen, reason, text });
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

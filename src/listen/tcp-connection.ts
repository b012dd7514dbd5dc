import type { Socket } from 'node:net';
import type { SocketAddress } from '../base/address.ts';
import { putUint16 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { frame, FrameReader, frameHeadLength } from '../dns/frame-reader.ts';
import type { ListenerDependencies } from './udp-listener.ts';
import { transports } from '../query/query-counters.ts';
import type { Transport } from '../query/query.ts';
import type { ResponseSlab } from './response-slab.ts';
import type { StreamConnection } from './stream-connection.ts';

export interface TcpOptions {
  readonly idleTimeoutMs: number;
  readonly queriesPerConnectionMax: number;
  readonly writeBufferBytesMax: number;
}

/** What the connections of a listener share. */
export interface ConnectionContext {
  readonly transport: StreamTransport;
  readonly clock: Clock;
  readonly dependencies: ListenerDependencies;
  readonly options: () => TcpOptions;
  /** Who is at the other end, whoever carries it on the way. */
  readonly clientOf: (socket: Socket) => SocketAddress;
  /** Answers of one chunk are collected here; every batch is written before another begins. */
  readonly slab: ResponseSlab;
}

/** What a connection can carry: DNS in the clear, inside TLS, or inside HTTP. */
export type StreamTransport = Exclude<Transport, 'udp'>;

/** Largest answer that the hot path writes to a stream; longer ones take the slow way. */
const hotResponseBytesMax = 4096;
/** Where reading pauses: a reader that falls behind must not cost more memory. */
const pauseShare = 0.5;

/**
 * One connection (RFC 7766): pipelined queries, answers in the order in which they are ready, one
 * write for all answers of one received chunk. It costs at most one chunk of input, the queries
 * in flight, and `writeBufferBytesMax` of output.
 */
export class TcpConnection implements StreamConnection {
  readonly client: SocketAddress;
  readonly #socket: Socket;
  readonly #transport: StreamTransport;
  readonly #transportIndex: number;
  readonly #dependencies: ListenerDependencies;
  readonly #clock: Clock;
  readonly #options: () => TcpOptions;
  readonly #frames = new FrameReader();
  readonly #slab: ResponseSlab;
  #batchStart = 0;
  #inFlight = 0;
  #ended = false;
  /** When a whole message last came or went: half a message is no progress. */
  #progressAtMs: number;

  constructor(socket: Socket, context: ConnectionContext) {
    const { transport, clock, dependencies, options, slab, clientOf } = context;
    this.#socket = socket;
    this.#transport = transport;
    this.#transportIndex = transports.indexOf(transport);
    this.#clock = clock;
    this.#dependencies = dependencies;
    this.#options = options;
    this.#slab = slab;
    this.#progressAtMs = clock.nowMs();
    this.client = clientOf(socket);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => this.#end());
    socket.on('error', () => socket.destroy());
  }

  get isIdle(): boolean {
    return this.#inFlight === 0;
  }

  get idleSinceMs(): number {
    return this.#progressAtMs;
  }

  /** Closes when nothing moved for too long: idle, half a message, or a reader that stopped. */
  closeIfStuck(nowMs: number): void {
    if (this.#inFlight > 0 || nowMs - this.#progressAtMs < this.#options().idleTimeoutMs) return;
    this.close();
  }

  /** Stops reading; the connection ends when the queries in flight are answered. */
  finish(): void {
    this.#socket.pause();
    this.#end();
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#frames.push(chunk);
    this.#work();
  }

  /** Takes messages while the limits allow; reads on only when all were taken. */
  #work(): void {
    const { queriesPerConnectionMax, writeBufferBytesMax } = this.#options();
    const isBacklogged = (): boolean =>
      this.#inFlight >= queriesPerConnectionMax ||
      this.#socket.writableLength > writeBufferBytesMax * pauseShare;
    const { hotPath } = this.#dependencies;
    hotPath.start();
    this.#batchStart = this.#slab.position;
    let message = isBacklogged() ? undefined : this.#frames.next();
    while (message !== undefined) {
      this.#answer(message);
      if (this.#batchBytes >= writeBufferBytesMax * pauseShare) this.#flush();
      message = isBacklogged() ? undefined : this.#frames.next();
    }
    this.#flush();
    hotPath.finish();
    if (isBacklogged()) this.#socket.pause();
    else if (this.#ended) this.#endWhenDone();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #answer(message: Buffer): void {
    this.#progressAtMs = this.#clock.nowMs();
    const slab = this.#slab;
    if (slab.position + hotResponseBytesMax + frameHeadLength > slab.bytes.length) this.#flush();
    slab.reserve(hotResponseBytesMax + frameHeadLength);
    if (slab.position === 0) this.#batchStart = 0;
    const at = slab.position;
    const length = this.#dependencies.hotPath.answer(
      message,
      0,
      message.length,
      slab.bytes,
      at + frameHeadLength,
      hotResponseBytesMax,
      this.#transportIndex,
    );
    if (length === 0) {
      this.#answerSlowly(message);
      return;
    }
    putUint16(slab.bytes, at, length);
    slab.take(length + frameHeadLength);
  }

  #answerSlowly(message: Buffer): void {
    const from = { transport: this.#transport, client: this.client };
    const response = this.#dependencies.responder.respond(Buffer.from(message), from);
    if (!(response instanceof Promise)) {
      this.#write(response);
      return;
    }
    this.#inFlight++;
    void response.then((later) => {
      this.#inFlight--; // respond() never rejects
      this.#write(later);
      this.#work();
    });
  }

  get #batchBytes(): number {
    return this.#slab.position - this.#batchStart;
  }

  /** Writes what the hot path answered since the last flush. */
  #flush(): void {
    const { bytes, position } = this.#slab;
    if (position === this.#batchStart) return;
    const batch = bytes.subarray(this.#batchStart, position);
    this.#batchStart = position;
    this.#send(batch);
  }

  #write(response: Buffer | undefined): void {
    if (response !== undefined) this.#send(frame(response));
  }

  #send(octets: Buffer): void {
    if (this.#socket.destroyed || !this.#socket.writable) return;
    this.#socket.write(octets, () => {
      this.#progressAtMs = this.#clock.nowMs();
      // Not on 'drain', which comes only where the stream's own mark was passed: ours may be lower.
      if (this.#socket.isPaused()) this.#work();
    });
    if (this.#socket.writableLength > this.#options().writeBufferBytesMax) {
      this.#dependencies.observer.countDropped('slow_reader');
      this.#socket.destroy();
    }
  }

  /** The client sends no more, but waits for what it asked (RFC 7766 section 6.2.4). */
  #end(): void {
    this.#ended = true;
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    if (this.#inFlight === 0 && !this.#socket.destroyed) this.#socket.end();
  }
}

import type { Timer } from '../base/clock.ts';
import { byteAt, putUint16, uint16At } from '../base/bytes.ts';
import type { ExchangeFailure } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { ServerAddress } from '../base/server-address.ts';
import { BatchedSocket } from '../datagram/batched-socket.ts';
import type { BatchedSocketOptions, DatagramHandler } from '../datagram/batched-socket.ts';
import type { DatagramLoss } from '../datagram/send-queue.ts';
import type { SystemCalls } from '../datagram/system-calls.ts';
import { flagTruncated, headerLength } from '../dns/message.ts';
import type { Exchange, ExchangeHandlers } from './exchange.ts';
import type { MismatchKind } from './observer.ts';
import { isNameOf } from './pool-peer.ts';
import type { PoolPeer, PoolPeers } from './pool-peer.ts';

/** Ids that a socket may give out: with half of them free, the next draw is free soon. */
const idsMax = 0x8000;

/** What a socket of the pool works with. */
export interface PoolSocketDeps {
  readonly calls: SystemCalls;
  readonly random: Random;
  readonly peers: PoolPeers;
  /** A datagram came that belongs to no exchange. */
  readonly stray: (server: ServerAddress, kind: MismatchKind) => void;
  /** Nobody waits for anything on it, and nobody will: it is closed. */
  readonly closed: (socket: PoolSocket) => void;
}

/**
 * One socket with a port that many exchanges share, told apart by the ids of their messages. An id
 * is given out once in the life of a socket, so that whatever comes late is nobody else's.
 */
export class PoolSocket implements DatagramHandler {
  readonly #deps: PoolSocketDeps;
  readonly #socket: BatchedSocket;
  /** By id; undefined where nobody waits any more. */
  readonly #exchanges = new Map<number, PoolExchange | undefined>();
  /** Until it is retired. */
  lifetime: Timer | undefined;
  #waiting = 0;
  #isRetired = false;
  #lastAsked: ServerAddress | undefined;

  /** @throws {SystemCallFailed} and leaves nothing open */
  constructor(options: BatchedSocketOptions, deps: PoolSocketDeps) {
    this.#deps = deps;
    this.#socket = BatchedSocket.open(deps.calls, options, this);
  }

  /** Queries that went out by it. */
  get queries(): number {
    return this.#exchanges.size;
  }

  /** It has no id left to give. */
  get isFull(): boolean {
    return this.#exchanges.size >= idsMax;
  }

  get isClosed(): boolean {
    return this.#socket.isClosed;
  }

  /**
   * Sends a question. Its id is replaced, in `message` itself, where that is taken here; the socket
   * must not be full.
   */
  send(peer: PoolPeer, message: Buffer, handlers: ExchangeHandlers): Exchange {
    let id = uint16At(message, 0);
    while (this.#exchanges.has(id)) id = this.#deps.random.uint16();
    putUint16(message, 0, id);
    const exchange = new PoolExchange(this, { id, peer, message, handlers });
    this.#exchanges.set(id, exchange);
    this.#waiting++;
    this.#lastAsked = peer.server;
    if (!this.transmit(exchange)) this.#failLater(exchange, 'exhausted', 'too much waits for it');
    return exchange;
  }

  /** @returns false when the datagram is lost */
  transmit({ message, peer }: PoolExchange): boolean {
    return this.#socket.send(message, peer.name);
  }

  /** Nobody waits for the answer to this id any more. */
  release(id: number): void {
    this.#exchanges.set(id, undefined);
    this.#waiting--;
    this.#closeIfDone();
  }

  /** No question goes out by it any more; it closes when none waits for an answer. */
  retire(): void {
    this.lifetime?.cancel();
    this.#isRetired = true;
    this.#closeIfDone();
  }

  /** At once, without telling anybody. */
  close(): void {
    this.lifetime?.cancel();
    this.#socket.close();
  }

  batchStarted(): void {
    // each answer is for one exchange
  }

  batchEnded(): void {
    // see above
  }

  datagram(slot: number, start: number, length: number): number {
    this.#receive(slot, start, length);
    return 0;
  }

  /** Longer than what any upstream is offered: to be asked for by TCP, as if it said so itself. */
  truncated(slot: number, start: number, length: number): void {
    const { received } = this.#socket;
    if (length >= headerLength) received[start + 2] = byteAt(received, start + 2) | flagTruncated;
    this.#receive(slot, start, length);
  }

  lost(reason: DatagramLoss, unsentAt?: number): void {
    if (unsentAt === undefined) return;
    const exchange = this.#exchanges.get(uint16At(this.#socket.outgoing, unsentAt));
    if (exchange === undefined) return;
    if (reason === 'send_error') this.#failLater(exchange, 'network', 'it cannot be sent there');
    else this.#failLater(exchange, 'exhausted', 'the system takes no more datagrams');
  }

  #receive(slot: number, start: number, length: number): void {
    const { received } = this.#socket;
    const senderStart = this.#socket.senderStart(slot);
    const id = length < 2 ? -1 : uint16At(received, start);
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined) {
      if (!this.#exchanges.has(id)) this.#onStray(senderStart, length);
    } else if (isNameOf(exchange.peer, received, senderStart)) {
      exchange.handlers.message(received.subarray(start, start + length));
    } else {
      exchange.handlers.stranger();
    }
  }

  /** With an id that was never given out here; it is counted for whom it pretends to be from. */
  #onStray(senderStart: number, length: number): void {
    const sender = this.#deps.peers.find(this.#socket.received, senderStart);
    const server = sender?.server ?? this.#lastAsked;
    if (server === undefined) return;
    if (sender === undefined) this.#deps.stray(server, 'wrong_source');
    else this.#deps.stray(server, length < headerLength ? 'malformed' : 'wrong_id');
  }

  /** Not at once: nothing is told before `send` has returned, or while a batch goes out. */
  #failLater(exchange: PoolExchange, reason: ExchangeFailure, text: string): void {
    queueMicrotask(() => exchange.fail(reason, text));
  }

  #closeIfDone(): void {
    if (!this.#isRetired || this.#waiting > 0 || this.#socket.isClosed) return;
    this.#socket.close();
    this.#deps.closed(this);
  }
}

interface Asked {
  readonly id: number;
  readonly peer: PoolPeer;
  readonly message: Buffer;
  readonly handlers: ExchangeHandlers;
}

/** A question that went out by a shared socket. */
class PoolExchange implements Exchange {
  readonly peer: PoolPeer;
  readonly message: Buffer;
  readonly handlers: ExchangeHandlers;
  readonly #socket: PoolSocket;
  readonly #id: number;
  #isOpen = true;

  constructor(socket: PoolSocket, { id, peer, message, handlers }: Asked) {
    this.#socket = socket;
    this.#id = id;
    this.peer = peer;
    this.message = message;
    this.handlers = handlers;
  }

  /** One that is lost on our side is as one that is lost on the way. */
  retransmit(): void {
    if (this.#isOpen) this.#socket.transmit(this);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.release(this.#id);
  }

  fail(reason: ExchangeFailure, text: string): void {
    if (!this.#isOpen) return;
    this.close();
    this.handlers.failed(reason, text);
  }
}

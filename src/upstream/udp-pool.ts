import type { Clock } from '../base/clock.ts';
import { describeError, errorCode } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { ServerAddress } from '../base/server-address.ts';
import type { BatchedSocketOptions } from '../datagram/batched-socket.ts';
import { SocketMemory } from '../datagram/socket-memory.ts';
import { familyOf, nameLengthOf } from '../datagram/socket-name.ts';
import type { SystemCalls } from '../datagram/system-calls.ts';
import type { Exchange, ExchangeHandlers } from './exchange.ts';
import type { MismatchKind } from './observer.ts';
import type { UdpOptions } from './options.ts';
import type { PoolPeers } from './pool-peer.ts';
import { PortBudget } from './port-budget.ts';
import { PoolSocket } from './pool-socket.ts';
import type { PoolSocketDeps } from './pool-socket.ts';
import { reasonOf } from './system-failure.ts';

/**
 * The ports that Linux gives to sockets by itself (`ip_local_port_range`): nobody expects to find
 * a service there, and node ports of Kubernetes lie below.
 */
const portMin = 32_768;
const portMax = 60_999;
/** Ports that are tried until the system may choose: most are free on any machine. */
const bindTriesMax = 8;
/** The largest that `upstream.ednsBytes` can offer. */
const receiveBytesMax = 4096;
/** More than the longest question with its OPT record: 12 + 255 + 4 + 11. */
const sendBytesMax = 320;
/** Some hundred answers that come at once; the system cuts it down to what it allows. */
const bufferBytes = 1024 * 1024;
/**
 * Sockets that wait for their last answers. While there are so many, those in use go on beyond
 * their time and number of queries: a bound on memory comes before one on the life of a port.
 */
const retiredMax = 128;

/** What a pool works with. */
export interface UdpPoolDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly calls: SystemCalls;
  readonly peers: PoolPeers;
  readonly options: () => UdpOptions;
  /** A datagram came that belongs to no exchange. */
  readonly stray: (server: ServerAddress, kind: MismatchKind) => void;
}

/**
 * The sockets of one address family that questions go out by, as many in one system call as there
 * are in a turn of the event loop. Each turn has a fresh port by chance, or when that would be too
 * many, a socket by chance among a few whose ports are not kept for long (RFC 5452 section 9.2,
 * docs/decisions/0004).
 */
export class UdpPool {
  readonly #host: string;
  readonly #deps: UdpPoolDeps;
  readonly #socketDeps: PoolSocketDeps;
  readonly #memory: SocketMemory;
  readonly #budget: PortBudget;
  /** By place; those not asked yet, or given up, are missing. */
  readonly #places = new Map<number, PoolSocket>();
  readonly #retired = new Set<PoolSocket>();
  /** That of this turn of the event loop. */
  #current: PoolSocket | undefined;

  /** @param host the wildcard address of the family */
  constructor(host: string, deps: UdpPoolDeps) {
    this.#host = host;
    this.#deps = deps;
    const { calls, random, peers, stray, options } = deps;
    this.#budget = new PortBudget(deps.clock, () => options().portsPerSecondMax);
    const closed = (socket: PoolSocket): void => void this.#retired.delete(socket);
    this.#socketDeps = { calls, random, peers, stray, closed };
    this.#memory = new SocketMemory(calls, {
      receiveBytesMax,
      sendBytesMax,
      nameLength: nameLengthOf(familyOf(host)),
      packetInfo: undefined,
    });
  }

  /** Sockets that are open, the retired ones included. */
  get socketsOpen(): number {
    return this.#places.size + this.#retired.size;
  }

  send(server: ServerAddress, message: Buffer, handlers: ExchangeHandlers): Exchange {
    try {
      const peer = this.#deps.peers.of(server);
      return this.#choose().send(peer, message, handlers);
    } catch (error) {
      return failed(error, handlers);
    }
  }

  stop(): void {
    for (const socket of [...this.#places.values(), ...this.#retired]) socket.close();
    this.#places.clear();
    this.#retired.clear();
    this.#current = undefined;
  }

  /** @throws {SystemCallFailed} when there is none and none can be opened */
  #choose(): PoolSocket {
    if (this.#current !== undefined && !this.#isSpent(this.#current)) return this.#current;
    const isNewTurn = this.#current === undefined;
    const place = Math.floor(this.#deps.random.fraction() * this.#deps.options().sockets);
    this.#current = this.#socketAt(place);
    if (isNewTurn) setImmediate(() => (this.#current = undefined));
    return this.#current;
  }

  /** A fresh one while the budget allows it, else the one that is there. */
  #socketAt(place: number): PoolSocket {
    const known = this.#places.get(place);
    if (known !== undefined && !this.#isSpent(known) && !this.#isReplaceable()) return known;
    let socket: PoolSocket;
    try {
      socket = this.#open();
    } catch (error) {
      return this.#anyOther(known, error);
    }
    if (known !== undefined) this.#retire(place, known);
    this.#places.set(place, socket);
    this.#awaitEnd(place, socket);
    return socket;
  }

  /** @throws the reason why none can be opened, where there is none to go on with */
  #anyOther(known: PoolSocket | undefined, reason: unknown): PoolSocket {
    const other = known ?? this.#places.values().next().value;
    if (other === undefined || other.isFull) throw reason;
    return other;
  }

  #isReplaceable(): boolean {
    return this.#mayRetire && this.#budget.take();
  }

  #awaitEnd(place: number, socket: PoolSocket): void {
    const { socketLifetimeMs } = this.#deps.options();
    socket.lifetime = this.#deps.clock.setTimer(socketLifetimeMs, () => {
      if (this.#mayRetire) this.#retire(place, socket);
      else this.#awaitEnd(place, socket);
    });
  }

  get #mayRetire(): boolean {
    return this.#retired.size < retiredMax;
  }

  #isSpent(socket: PoolSocket): boolean {
    if (socket.isFull || socket.isClosed) return true;
    const { queriesPerSocketMax } = this.#deps.options();
    return socket.queries >= queriesPerSocketMax && this.#mayRetire;
  }

  #retire(place: number, socket: PoolSocket): void {
    this.#places.delete(place);
    if (this.#current === socket) this.#current = undefined;
    this.#retired.add(socket);
    socket.retire();
  }

  #open(): PoolSocket {
    for (let tries = 0; tries < bindTriesMax; tries++) {
      const port = portMin + Math.floor(this.#deps.random.fraction() * (portMax - portMin + 1));
      try {
        return new PoolSocket(this.#optionsAt(port), this.#socketDeps);
      } catch (error) {
        if (errorCode(error) !== 'EADDRINUSE') throw error;
      }
    }
    return new PoolSocket(this.#optionsAt(0), this.#socketDeps);
  }

  #optionsAt(port: number): BatchedSocketOptions {
    return {
      address: { host: this.#host, port },
      ipv6Only: false,
      reusePort: false,
      receiveBufferBytes: bufferBytes,
      sendBufferBytes: bufferBytes,
      repliesFromAsked: false,
      receiveBytesMax,
      sendBytesMax,
      joinsDatagrams: false, // they have other lengths, and go far
      memory: this.#memory,
    };
  }
}

/** An exchange that could not even begin; it is told when `send` has returned. */
function failed(error: unknown, handlers: ExchangeHandlers): Exchange {
  let isOpen = true;
  queueMicrotask(() => {
    if (isOpen) handlers.failed(reasonOf(error), describeError(error));
  });
  return {
    retransmit: () => undefined,
    close: () => {
      isOpen = false;
    },
  };
}

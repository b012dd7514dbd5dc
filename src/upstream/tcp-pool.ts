import type { Clock } from '../base/clock.ts';
import type { ExchangeFailure } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Exchange, ExchangeHandlers } from './exchange.ts';
import type { TcpOptions } from './options.ts';
import type { ServerAddress } from '../base/server-address.ts';
import { TcpConnection } from './tcp-connection.ts';
import type { ConnectionEnd, TcpQuery } from './tcp-connection.ts';

/** What a pool works with. */
export interface TcpPoolDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly options: () => TcpOptions;
  /** A message came with an id that nobody waits for. */
  readonly stray: (server: ServerAddress) => void;
}

/** An exchange and where its query is. */
class PooledExchange implements Exchange, TcpQuery {
  readonly message: Buffer;
  readonly handlers: ExchangeHandlers;
  #leave: (() => void) | undefined;
  #isClosed = false;
  /** Sent a second time already, after its first connection broke. */
  wasMoved = false;
  hasResponse = false;

  constructor(message: Buffer, handlers: ExchangeHandlers) {
    this.message = message;
    this.handlers = handlers;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  readonly answered = (octets: Buffer): void => {
    if (!this.#isClosed) this.handlers.message(octets);
  };

  sendOn(connection: TcpConnection): void {
    this.#leave = connection.send(this);
  }

  fail(reason: ExchangeFailure, text: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.handlers.failed(reason, text);
  }

  /** TCP sends again what was lost. */
  retransmit(): void {}

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave?.();
  }
}

/**
 * The connections to one upstream. Queries share a connection up to their part of what all may
 * carry, then the next one is opened: few connections (RFC 7766 section 6.2.2), yet no long row
 * behind a server that answers one after the other. No query waits here: one too many fails.
 */
export class TcpPool {
  readonly #server: ServerAddress;
  readonly #deps: TcpPoolDeps;
  readonly #connections = new Set<TcpConnection>();

  constructor(server: ServerAddress, deps: TcpPoolDeps) {
    this.#server = server;
    this.#deps = deps;
  }

  /** Whether it holds nothing, so that it can be forgotten. */
  get isEmpty(): boolean {
    return this.#connections.size === 0;
  }

  send(message: Buffer, handlers: ExchangeHandlers): Exchange {
    const exchange = new PooledExchange(message, handlers);
    const connection = this.#choose();
    if (connection !== undefined) exchange.sendOn(connection);
    // Not at once: nothing is told before `send` has returned.
    else queueMicrotask(() => this.#refuse(exchange));
    return exchange;
  }

  stop(): void {
    for (const connection of this.#connections) connection.destroy();
    this.#connections.clear();
  }

  #choose(): TcpConnection | undefined {
    const { connectionsMax, queriesPerConnectionMax } = this.#deps.options();
    const least = [...this.#connections]
      .filter(({ isUsable }) => isUsable)
      .reduce<TcpConnection | undefined>(
        (best, next) => (best !== undefined && best.load <= next.load ? best : next),
        undefined,
      );
    const share = Math.ceil(queriesPerConnectionMax / connectionsMax);
    if (least !== undefined && least.load < share) return least;
    if (this.#connections.size < connectionsMax) return this.#open();
    return least !== undefined && least.load < queriesPerConnectionMax ? least : undefined;
  }

  #refuse(exchange: PooledExchange): void {
    exchange.fail('exhausted', 'all TCP connections to it are in use');
  }

  #open(): TcpConnection {
    const connection = new TcpConnection(this.#server, {
      clock: this.#deps.clock,
      random: this.#deps.random,
      idleTimeoutMs: () => this.#deps.options().idleTimeoutMs,
      stray: () => this.#deps.stray(this.#server),
      closed: (end) => {
        this.#connections.delete(connection);
        this.#onClosed(end);
      },
    });
    this.#connections.add(connection);
    return connection;
  }

  /**
   * A server may close an idle connection just when a query is on its way (RFC 7766 section 6.2.3):
   * what had no response is asked once more elsewhere. A connection that never stood is a failure.
   */
  #onClosed({ left, wasOpen, reason, text }: ConnectionEnd): void {
    for (const query of left) {
      if (!(query instanceof PooledExchange) || query.isClosed) continue;
      const connection = wasOpen && !query.wasMoved ? this.#choose() : undefined;
      query.wasMoved = true;
      if (connection === undefined) query.fail(reason, text);
      else query.sendOn(connection);
    }
  }
}

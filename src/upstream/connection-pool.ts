import type { ExchangeFailure } from '../base/errors.ts';
import type { Exchange, ExchangeHandlers } from './exchange.ts';
import type { ConnectionOptions } from './options.ts';
import type {
  ConnectionDeps,
  ConnectionEnd,
  PooledConnection,
  PooledQuery,
} from './pooled-connection.ts';

/** What a pool works with. */
export interface ConnectionPoolDeps extends Omit<
  ConnectionDeps,
  'idleTimeoutMs' | 'returned' | 'closed'
> {
  readonly options: () => ConnectionOptions;
  /** Queries that one connection carries before the next one is opened. */
  readonly share: (options: ConnectionOptions) => number;
  readonly connect: (deps: ConnectionDeps) => PooledConnection;
}

/** An exchange and where its query is. */
class PooledExchange implements Exchange, PooledQuery {
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

  readonly refused = (reason: ExchangeFailure, text: string): void => {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.handlers.failed(reason, text);
  };

  sendOn(connection: PooledConnection): void {
    this.#leave = connection.send(this);
  }

  /** A connection sends again what was lost. */
  retransmit(): void {}

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave?.();
  }
}

/**
 * The connections to one upstream. Queries share a connection up to a part of what all may carry,
 * then the next one is opened: few connections (RFC 7766 section 6.2.2), yet no long row behind a
 * server that answers one after the other. No query waits here: one too many fails.
 */
export class ConnectionPool {
  readonly #deps: ConnectionPoolDeps;
  readonly #connections = new Set<PooledConnection>();

  constructor(deps: ConnectionPoolDeps) {
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
    else queueMicrotask(() => exchange.refused('exhausted', 'all connections to it are in use'));
    return exchange;
  }

  stop(): void {
    for (const connection of this.#connections) connection.destroy();
    this.#connections.clear();
  }

  #choose(): PooledConnection | undefined {
    const options = this.#deps.options();
    const { connectionsMax, queriesPerConnectionMax } = options;
    const least = [...this.#connections]
      .filter(({ isUsable }) => isUsable)
      .reduce<PooledConnection | undefined>(
        (best, next) => (best !== undefined && best.load <= next.load ? best : next),
        undefined,
      );
    if (least !== undefined && least.load < this.#deps.share(options)) return least;
    if (this.#connections.size < connectionsMax) return this.#open();
    return least !== undefined && least.load < queriesPerConnectionMax ? least : undefined;
  }

  #open(): PooledConnection {
    const { clock, random, opened, stray } = this.#deps;
    const connection = this.#deps.connect({
      clock,
      random,
      opened,
      stray,
      idleTimeoutMs: () => this.#deps.options().idleTimeoutMs,
      returned: (end) => this.#onReturned(end),
      closed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    return connection;
  }

  /**
   * A server may close an idle connection just when a query is on its way (RFC 7766 section 6.2.3):
   * what had no response is asked once more elsewhere. A connection that never stood is a failure.
   */
  #onReturned({ left, wasOpen, reason, text }: ConnectionEnd): void {
    for (const query of left) {
      if (!(query instanceof PooledExchange) || query.isClosed) continue;
      const connection = wasOpen && !query.wasMoved ? this.#choose() : undefined;
      query.wasMoved = true;
      if (connection === undefined) query.refused(reason, text);
      else query.sendOn(connection);
    }
  }
}

import { formatAddress } from '../base/address.ts';
import type { Exchange, ExchangeHandlers, ExchangeTransport } from './exchange.ts';
import type { ServerAddress } from '../base/server-address.ts';
import { TcpPool } from './tcp-pool.ts';
import type { TcpPoolDeps } from './tcp-pool.ts';
import { UdpExchange } from './udp-exchange.ts';

/**
 * Exchanges over real sockets: one of its own for each UDP exchange, pooled connections for TCP.
 */
export class SocketTransport implements ExchangeTransport {
  readonly #deps: TcpPoolDeps;
  readonly #datagrams = new Set<Exchange>();
  readonly #pools = new Map<string, TcpPool>();

  constructor(deps: TcpPoolDeps) {
    this.#deps = deps;
  }

  send(server: ServerAddress, message: Buffer, handlers: ExchangeHandlers): Exchange {
    if (server.transport === 'tcp') return this.#pool(server).send(message, handlers);
    const exchange: Exchange = new UdpExchange(server, message, handlers, () =>
      this.#datagrams.delete(exchange),
    );
    this.#datagrams.add(exchange);
    return exchange;
  }

  stop(): void {
    for (const exchange of this.#datagrams) exchange.close();
    for (const pool of this.#pools.values()) pool.stop();
    this.#pools.clear();
  }

  /** Pools without connections are forgotten when another one is needed: servers come and go. */
  #pool(server: ServerAddress): TcpPool {
    const key = formatAddress(server);
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    for (const [other, pool] of this.#pools) if (pool.isEmpty) this.#pools.delete(other);
    const created = new TcpPool(server, this.#deps);
    this.#pools.set(key, created);
    return created;
  }
}

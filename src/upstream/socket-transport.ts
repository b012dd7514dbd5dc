import { isIPv6 } from 'node:net';
import { formatAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ServerAddress } from '../base/server-address.ts';
import type { SystemCalls } from '../datagram/system-calls.ts';
import type { Exchange, ExchangeHandlers, ExchangeTransport } from './exchange.ts';
import type { MismatchKind } from './observer.ts';
import type { TcpOptions, UdpOptions } from './options.ts';
import { PoolPeers } from './pool-peer.ts';
import { TcpPool } from './tcp-pool.ts';
import type { TcpPoolDeps } from './tcp-pool.ts';
import { UdpExchange } from './udp-exchange.ts';
import { UdpPool } from './udp-pool.ts';

/** What sockets work with. */
export interface SocketTransportDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** For datagrams in batches; undefined where the system or the configuration has none. */
  readonly calls: SystemCalls | undefined;
  readonly options: () => { readonly udp: UdpOptions; readonly tcp: TcpOptions };
  /** A message came that belongs to no exchange. */
  readonly stray: (server: ServerAddress, kind: MismatchKind) => void;
}

type SendDatagram = ExchangeTransport['send'];

/**
 * Exchanges over real sockets: shared ones in batches, or one of its own for each UDP exchange;
 * pooled connections for TCP.
 */
export class SocketTransport implements ExchangeTransport {
  readonly #tcpDeps: TcpPoolDeps;
  readonly #udpPools: readonly UdpPool[];
  readonly #tcpPools = new Map<string, TcpPool>();
  readonly #sendDatagram: SendDatagram;

  constructor({ clock, random, calls, options, stray }: SocketTransportDeps) {
    this.#tcpDeps = {
      clock,
      random,
      options: () => options().tcp,
      stray: (server) => stray(server, 'wrong_id'),
    };
    if (calls === undefined) {
      this.#udpPools = [];
      this.#sendDatagram = (server, message, handlers) =>
        new UdpExchange(server, message, handlers);
      return;
    }
    const peers = new PoolPeers(calls);
    const deps = { clock, random, calls, peers, stray, options: () => options().udp };
    const ipv4 = new UdpPool('0.0.0.0', deps);
    const ipv6 = new UdpPool('::', deps);
    this.#udpPools = [ipv4, ipv6];
    this.#sendDatagram = (server, message, handlers) =>
      (isIPv6(server.host) ? ipv6 : ipv4).send(server, message, handlers);
  }

  send(server: ServerAddress, message: Buffer, handlers: ExchangeHandlers): Exchange {
    if (server.transport === 'tcp') return this.#tcpPool(server).send(message, handlers);
    return this.#sendDatagram(server, message, handlers);
  }

  stop(): void {
    for (const pool of this.#udpPools) pool.stop();
    for (const pool of this.#tcpPools.values()) pool.stop();
    this.#tcpPools.clear();
  }

  /** Pools without connections are forgotten when another one is needed: servers come and go. */
  #tcpPool(server: ServerAddress): TcpPool {
    const key = formatAddress(server);
    const known = this.#tcpPools.get(key);
    if (known !== undefined) return known;
    for (const [other, pool] of this.#tcpPools) if (pool.isEmpty) this.#tcpPools.delete(other);
    const created = new TcpPool(server, this.#tcpDeps);
    this.#tcpPools.set(key, created);
    return created;
  }
}

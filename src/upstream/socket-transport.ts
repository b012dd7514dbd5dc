import { isIPv6 } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ServerAddress } from '../base/server-address.ts';
import type { SystemCalls } from '../datagram/system-calls.ts';
import type { Exchange, ExchangeHandlers, ExchangeTransport } from './exchange.ts';
import type { MismatchKind } from './observer.ts';
import { ConnectionPools } from './connection-pools.ts';
import type { UpstreamOptions } from './options.ts';
import { PoolPeers } from './pool-peer.ts';
import { UdpExchange } from './udp-exchange.ts';
import { UdpPool } from './udp-pool.ts';

/** What sockets work with. */
export interface SocketTransportDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** For datagrams in batches; undefined where the system or the configuration has none. */
  readonly calls: SystemCalls | undefined;
  readonly options: () => Pick<UpstreamOptions, 'udp' | 'tcp' | 'encrypted' | 'hosts'>;
  /** A message came that belongs to no exchange. */
  readonly stray: (server: ServerAddress, kind: MismatchKind) => void;
  /** A connection stands; `isResumed` says whether by a TLS session of before. */
  readonly opened: (server: ServerAddress, isResumed: boolean) => void;
}

type SendDatagram = ExchangeTransport['send'];

/**
 * Exchanges over real sockets: shared ones in batches, or one of its own for each UDP exchange;
 * pooled connections for TCP, TLS and HTTPS.
 */
export class SocketTransport implements ExchangeTransport {
  readonly #connections: ConnectionPools;
  readonly #udpPools: readonly UdpPool[];
  readonly #sendDatagram: SendDatagram;

  constructor({ clock, random, calls, options, stray, opened }: SocketTransportDeps) {
    this.#connections = new ConnectionPools({
      clock,
      random,
      options,
      opened,
      stray: (server) => stray(server, 'wrong_id'),
    });
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
    if (server.transport === 'udp') return this.#sendDatagram(server, message, handlers);
    return this.#connections.of(server).send(message, handlers);
  }

  stop(): void {
    for (const pool of this.#udpPools) pool.stop();
    this.#connections.stop();
  }
}

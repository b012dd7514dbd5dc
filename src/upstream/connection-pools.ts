import { formatAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { serverKey } from '../base/server-address.ts';
import type { ServerAddress, ServerIdentity } from '../base/server-address.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { ConnectionPoolDeps } from './connection-pool.ts';
import { dialTcp } from './dial.ts';
import { HttpsConnection } from './https-connection.ts';
import { knownHost } from './known-hosts.ts';
import type { ConnectionOptions, KnownHost, UpstreamOptions } from './options.ts';
import { StreamConnection } from './stream-connection.ts';
import { TlsDialer } from './tls-dialer.ts';

/** What the pools work with. */
export interface ConnectionPoolsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly options: () => Pick<UpstreamOptions, 'tcp' | 'encrypted' | 'hosts'>;
  /** A connection stands. */
  readonly opened: (server: ServerAddress, isResumed: boolean) => void;
  /** A message came with an id that nobody waits for. */
  readonly stray: (server: ServerAddress) => void;
}

/** A pool, and what its connections were told of the host they trust. */
interface Held {
  readonly pool: ConnectionPool;
  readonly known: KnownHost | undefined;
}

/** The connections to all upstreams that are asked over TCP, TLS or HTTPS: a pool for each. */
export class ConnectionPools {
  readonly #deps: ConnectionPoolsDeps;
  readonly #held = new Map<string, Held>();
  /** Replaced, because their host is to prove itself otherwise; they go when their queries did. */
  readonly #retired = new Set<ConnectionPool>();

  constructor(deps: ConnectionPoolsDeps) {
    this.#deps = deps;
  }

  /** Pools without connections are forgotten when another one is needed: servers come and go. */
  of(server: ServerAddress): ConnectionPool {
    const { identity } = server;
    const key = serverKey(server);
    const known = identity && knownHost(this.#deps.options().hosts, identity.name);
    const held = this.#held.get(key);
    if (held !== undefined && held.known === known) return held.pool;
    if (held !== undefined) this.#retired.add(held.pool);
    for (const [other, { pool }] of this.#held) if (pool.isEmpty) this.#held.delete(other);
    for (const pool of this.#retired) if (pool.isEmpty) this.#retired.delete(pool);
    const pool = new ConnectionPool(this.#poolDeps(server, known));
    this.#held.set(key, { pool, known });
    return pool;
  }

  stop(): void {
    for (const { pool } of this.#held.values()) pool.stop();
    for (const pool of this.#retired) pool.stop();
    this.#held.clear();
    this.#retired.clear();
  }

  #poolDeps(server: ServerAddress, known: KnownHost | undefined): ConnectionPoolDeps {
    const { clock, random, options, opened, stray } = this.#deps;
    const { identity } = server;
    return {
      clock,
      random,
      opened: (isResumed) => opened(server, isResumed),
      stray: () => stray(server),
      options: () => (identity === undefined ? options().tcp : options().encrypted),
      share: server.transport === 'https' ? wholeConnection : partOfConnection,
      connect: identity === undefined ? plain(server) : encrypted(server, identity, known),
    };
  }
}

type Connect = ConnectionPoolDeps['connect'];

function plain(server: ServerAddress): Connect {
  const dial = dialTcp(server);
  return (deps) => new StreamConnection(dial, deps);
}

function encrypted(
  address: ServerAddress,
  identity: ServerIdentity,
  known: KnownHost | undefined,
): Connect {
  const isHttps = address.transport === 'https';
  const dialer = new TlsDialer({ address, identity, known, protocol: isHttps ? 'h2' : 'dot' });
  const dial: TlsDialer['dial'] = (ready) => dialer.dial(ready);
  const { name, path } = identity;
  const target = { authority: formatAddress({ host: name, port: address.port }), path };
  return isHttps
    ? (deps) => new HttpsConnection(target, dial, deps)
    : (deps) => new StreamConnection(dial, deps);
}

/** Streams do not wait for each other. */
function wholeConnection({ queriesPerConnectionMax }: ConnectionOptions): number {
  return queriesPerConnectionMax;
}

/** A server may answer one query after the other. */
function partOfConnection({ queriesPerConnectionMax, connectionsMax }: ConnectionOptions): number {
  return Math.ceil(queriesPerConnectionMax / connectionsMax);
}

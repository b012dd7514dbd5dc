import { isIPv6 } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import type { SocketAddress } from '../base/address.ts';
import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { clientVerdict } from '../query/client-verdict.ts';
import type { ConnectionLimits } from './connection-quota.ts';
import { listenFailure } from './listen-error.ts';
import type { StreamConnection } from './stream-connection.ts';
import type { StreamProtocol } from './stream-protocol.ts';
import type { ConnectionContext, StreamTransport, TcpOptions } from './tcp-connection.ts';
import { ConnectionClients, ProxyFront } from './proxy-front.ts';
import { ResponseSlab } from './response-slab.ts';
import type { ListenerDependencies, UdpListenerOptions } from './udp-listener.ts';

/** What bounds all connections of a listener. */
export type TcpListenerOptions = TcpOptions & ConnectionLimits;

/** What is chosen when a listener is opened. */
export interface TcpOpenOptions extends Pick<
  UdpListenerOptions,
  'ipv6Only' | 'reusePort' | 'descriptor'
> {
  /** Networks whose connections begin with a header of the PROXY protocol; none by default. */
  readonly proxiesFrom?: readonly string[];
}

/** How often idle connections are looked for: fine enough for timeouts of seconds. */
const sweepIntervalMs = 500;
/** Connections that the kernel holds until they are accepted. */
const backlog = 1024;

/** The server that listens, and the one that gets its connections: mostly the same. */
interface Servers {
  readonly listening: Server;
  readonly server: Server;
  readonly clients: ConnectionClients;
}

function createServers(
  protocol: StreamProtocol,
  { proxiesFrom = [] }: TcpOpenOptions,
  parts: ListenerDependencies,
): Servers {
  const server = protocol.createServer();
  const clients = new ConnectionClients();
  const hasProxies = proxiesFrom.length > 0;
  const front = hasProxies ? new ProxyFront(server, proxiesFrom, clients, parts) : undefined;
  return { listening: front?.server ?? server, server, clients };
}

/** One TCP socket and its connections, whatever they carry. */
export class TcpListener {
  readonly #server: Server;
  readonly #dependencies: ListenerDependencies;
  readonly #clock: Clock;
  readonly #protocol: StreamProtocol;
  readonly #connections = new Set<StreamConnection>();
  /** Those included whose handshake is not over. */
  readonly #sockets = new Set<Socket>();
  readonly #sweep: Timer;
  readonly #clients: ConnectionClients;
  readonly #clientOctets = new Uint8Array(addressLengthMax);
  readonly #context: ConnectionContext;
  #options: TcpListenerOptions;

  private constructor(
    { listening, server, clients }: Servers,
    options: TcpListenerOptions,
    protocol: StreamProtocol,
    dependencies: ListenerDependencies,
  ) {
    this.#server = listening;
    this.#clients = clients;
    this.#options = options;
    const { clock } = dependencies;
    this.#clock = clock;
    this.#dependencies = dependencies;
    this.#protocol = protocol;
    this.#context = {
      transport: protocol.transport,
      clock,
      dependencies,
      options: () => this.#options,
      slab: new ResponseSlab(),
      clientOf: (socket) => clients.clientOf(socket),
    };
    server.on('connection', (socket) => this.#accept(socket));
    if (protocol.readyEvent !== undefined) {
      server.on(protocol.readyEvent, (socket: Socket) => this.#begin(socket));
    }
    server.on('tlsClientError', () => dependencies.observer.countConnectionRefused('handshake'));
    server.on('error', () => dependencies.observer.countConnectionRefused('accept_error'));
    this.#sweep = repeat(clock, sweepIntervalMs, () => this.#closeStuck());
  }

  /** @throws {ListenFailed} with what to do about it */
  static async open(
    address: SocketAddress,
    options: TcpListenerOptions & TcpOpenOptions,
    dependencies: ListenerDependencies,
    protocol: StreamProtocol,
  ): Promise<TcpListener> {
    const servers = createServers(protocol, options, dependencies);
    const { listening } = servers;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    listening.once('error', reject);
    const ipv6Only = isIPv6(address.host) && options.ipv6Only;
    const { reusePort = false, descriptor } = options;
    if (descriptor !== undefined) listening.listen({ fd: descriptor, backlog }, resolve);
    else listening.listen({ ...address, backlog, ipv6Only, reusePort }, resolve);
    try {
      await promise;
    } catch (error) {
      throw listenFailure('TCP', address, error);
    }
    listening.off('error', reject);
    return new TcpListener(servers, options, protocol, dependencies);
  }

  get address(): SocketAddress {
    const { address, port } = this.#server.address() as AddressInfo; // a listening TCP server has one
    return { host: address, port };
  }

  get transport(): StreamTransport {
    return this.#protocol.transport;
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  setOptions(options: TcpListenerOptions): void {
    this.#options = options;
  }

  /** No new connections; those open end when their queries in flight are answered. */
  drain(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.finish();
  }

  close(): Promise<void> {
    this.#sweep.cancel();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const connection of this.#connections) connection.close();
    for (const socket of this.#sockets) socket.destroy();
    return promise;
  }

  #accept(socket: Socket): void {
    const { host } = this.#clients.clientOf(socket);
    if (!this.#mayAsk(host)) {
      this.#refuse(socket, 'access');
      return;
    }
    const { connections } = this.#dependencies;
    const place = connections.enter(host, this.#options);
    if (typeof place === 'string') {
      this.#refuse(socket, place);
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      connections.leave(place);
    });
    if (this.#protocol.readyEvent === undefined) this.#begin(socket);
  }

  #begin(socket: Socket): void {
    const connection = this.#protocol.serve(socket, this.#context);
    const { connections } = this.#dependencies;
    this.#connections.add(connection);
    connections.began(connection);
    socket.on('close', () => {
      this.#connections.delete(connection);
      connections.ended(connection);
    });
  }

  #mayAsk(host: string): boolean {
    const length = writeAddress(host, this.#clientOctets);
    const { gate } = this.#dependencies;
    const { transport } = this.#context;
    const verdict = gate.judge(transport, this.#clientOctets, 0, length, this.#clock.nowMs());
    return verdict === clientVerdict.serve;
  }

  #refuse(socket: Socket, reason: string): void {
    this.#dependencies.observer.countConnectionRefused(reason);
    socket.on('error', () => undefined); // it is being closed: nothing to report
    socket.destroy();
  }

  #closeStuck(): void {
    const nowMs = this.#clock.nowMs();
    for (const connection of this.#connections) connection.closeIfStuck(nowMs);
  }
}

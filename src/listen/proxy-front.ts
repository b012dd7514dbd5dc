import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { addressLengthMax, isMappedIPv4, writeAddress } from '../base/address-bytes.ts';
import { AddressSet } from '../base/address-set.ts';
import type { SocketAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { parseNetwork } from '../base/network.ts';
import type { ArrivalObserver } from './arrival-observer.ts';
import { readProxyHeader } from './proxy-header.ts';

/** A balancer sends the header at once; who takes longer holds a place that others could use. */
const headerTimeoutMs = 5000;
/** Connections whose header is not there yet: as many as the kernel holds. */
const waitingMax = 1024;

export interface ProxyFrontParts {
  readonly clock: Clock;
  readonly observer: Pick<ArrivalObserver, 'countConnectionRefused'>;
}

/** Who a connection comes from: its peer, or whom a trusted peer speaks for. */
export class ConnectionClients {
  /** By what both a socket and the TLS socket over it say of themselves. */
  readonly #named = new Map<string, SocketAddress>();

  clientOf(socket: Socket): SocketAddress {
    return this.#named.get(peerKey(socket)) ?? peerOf(socket);
  }

  name(socket: Socket, client: SocketAddress): void {
    const key = peerKey(socket);
    this.#named.set(key, client);
    socket.on('close', () => this.#named.delete(key));
  }
}

/**
 * Stands before a server and takes the header of the PROXY protocol (version 2) from connections of
 * trusted networks, which must send one; all others are passed on as they are.
 */
export class ProxyFront {
  readonly server: Server;
  readonly #behind: Server;
  readonly #trusted: AddressSet;
  readonly #clients: ConnectionClients;
  readonly #parts: ProxyFrontParts;
  readonly #octets = new Uint8Array(addressLengthMax);
  readonly #waiting = new Set<Socket>();

  /** @param from the networks that are trusted */
  constructor(
    behind: Server,
    from: readonly string[],
    clients: ConnectionClients,
    parts: ProxyFrontParts,
  ) {
    this.server = createServer({ allowHalfOpen: true });
    this.#behind = behind;
    this.#trusted = new AddressSet(from.map(parseNetwork));
    this.#clients = clients;
    this.#parts = parts;
    this.server.on('connection', (socket) => this.#accept(socket));
    this.server.on('error', (error) => behind.emit('error', error));
    this.server.on('close', () => this.#closeWaiting());
  }

  #accept(socket: Socket): void {
    if (!this.#isTrusted(socket.remoteAddress ?? '')) {
      this.#behind.emit('connection', socket);
      return;
    }
    if (this.#waiting.size >= waitingMax) {
      this.#refuse(socket, 'limit');
      return;
    }
    this.#waiting.add(socket);
    const timer = this.#parts.clock.setTimer(headerTimeoutMs, () =>
      this.#refuse(socket, 'proxy_header'),
    );
    let received = Buffer.alloc(0);
    const read = (): void => {
      received = Buffer.concat([received, (socket.read() as Buffer | null) ?? noOctets]);
      if (this.#take(socket, received)) end();
    };
    const end = (): void => {
      timer.cancel();
      this.#waiting.delete(socket);
      socket.off('readable', read);
    };
    socket.on('error', () => socket.destroy());
    socket.on('close', end);
    socket.on('end', () => {
      if (this.#waiting.has(socket)) socket.destroy(); // a look whether we are there
    });
    socket.on('readable', read);
  }

  /** @returns whether there is nothing more to wait for */
  #take(socket: Socket, received: Buffer): boolean {
    const header = readProxyHeader(received);
    if (header.kind === 'incomplete') return false;
    if (header.kind === 'malformed') {
      this.#refuse(socket, 'proxy_header');
      return true;
    }
    if (header.client !== undefined) this.#clients.name(socket, header.client);
    const rest = received.subarray(header.length);
    if (rest.length > 0) socket.unshift(rest);
    this.#behind.emit('connection', socket);
    return true;
  }

  #isTrusted(host: string): boolean {
    const length = writeAddress(host, this.#octets);
    if (length === 0) return false;
    const isMapped = length === 16 && isMappedIPv4(this.#octets, 0);
    return this.#trusted.has(this.#octets, isMapped ? 12 : 0, isMapped ? 4 : length);
  }

  #refuse(socket: Socket, reason: string): void {
    this.#parts.observer.countConnectionRefused(reason);
    socket.destroy();
  }

  #closeWaiting(): void {
    for (const socket of this.#waiting) socket.destroy();
  }
}

const noOctets = Buffer.alloc(0);

function peerOf({ remoteAddress, remotePort }: Socket): SocketAddress {
  return { host: remoteAddress ?? '', port: remotePort ?? 0 };
}

function peerKey(socket: Socket): string {
  const { host, port } = peerOf(socket);
  return `${host} ${String(port)}`;
}

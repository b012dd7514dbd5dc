import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { describeError } from '../base/errors.ts';
import type { Exchange, ExchangeHandlers } from './exchange.ts';
import type { ServerAddress } from '../base/server-address.ts';
import { reasonOf } from './system-failure.ts';

/**
 * The host is an address already: nothing is looked up. Told a moment later all the same, so that
 * no error comes while the exchange is still being made.
 */
function asItIs(
  host: string,
  _options: unknown,
  found: (error: null, address: string, family: number) => void,
): void {
  queueMicrotask(() => found(null, host, isIP(host)));
}

/**
 * One question over UDP on a socket of its own: the system draws its source port by chance from
 * the ephemeral range (RFC 5452 section 9.2). The socket is not connected, so that a datagram from
 * elsewhere is seen and counted rather than swallowed; in return, "port unreachable" is not seen
 * and costs a timeout.
 */
export class UdpExchange implements Exchange {
  readonly #server: ServerAddress;
  readonly #message: Buffer;
  readonly #handlers: ExchangeHandlers;
  readonly #socket: Socket;
  #isOpen = true;

  constructor(server: ServerAddress, message: Buffer, handlers: ExchangeHandlers) {
    this.#server = server;
    this.#message = message;
    this.#handlers = handlers;
    this.#socket = createSocket({
      type: isIP(server.host) === 6 ? 'udp6' : 'udp4',
      lookup: asItIs,
    });
    this.#socket.on('message', (octets, from) => this.#onDatagram(octets, from));
    this.#socket.on('error', (error) => this.#fail(error));
    this.retransmit();
  }

  retransmit(): void {
    if (!this.#isOpen) return;
    this.#socket.send(this.#message, this.#server.port, this.#server.host, (error) => {
      if (error !== null) this.#fail(error);
    });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.close();
  }

  #onDatagram(octets: Buffer, from: RemoteInfo): void {
    if (!this.#isOpen) return;
    const isAsked = from.port === this.#server.port && from.address === this.#server.host;
    if (isAsked) this.#handlers.message(octets);
    else this.#handlers.stranger();
  }

  #fail(error: Error): void {
    if (!this.#isOpen) return;
    this.close();
    this.#handlers.failed(reasonOf(error), describeError(error));
  }
}

import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket, SocketOptions } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import type { SocketAddress } from '../base/address.ts';
import { clientVerdict } from '../query/client-verdict.ts';
import type { ClientVerdict } from '../query/client-verdict.ts';
import { listenFailure } from './listen-error.ts';
import { ResponseSlab } from './response-slab.ts';
import { responseBytesMax, transportUdp } from './udp-listener.ts';
import type { ListenerDependencies, UdpListener, UdpListenerOptions } from './udp-listener.ts';

/** Answers addresses with themselves: the default looks each one up in the next tick. */
const sameAddress: NonNullable<SocketOptions['lookup']> = (host, _options, done) => {
  done(null, host, isIPv6(host) ? 6 : 4);
};

function placeOf({ host, port }: SocketAddress): { address: string; port: number } {
  return { address: host, port };
}

/** One UDP socket of Node, which takes and sends one datagram at a time. */
export class DgramUdpListener implements UdpListener {
  readonly #socket: Socket;
  readonly #dependencies: ListenerDependencies;
  readonly #slab = new ResponseSlab();
  readonly #clientOctets = new Uint8Array(addressLengthMax);

  private constructor(socket: Socket, dependencies: ListenerDependencies) {
    this.#socket = socket;
    this.#dependencies = dependencies;
    socket.on('message', (message, from) => this.#receive(message, from));
    socket.on('error', () => dependencies.observer.countDropped('send_error'));
  }

  /** @throws {ListenFailed} with what to do about it */
  static async open(
    address: SocketAddress,
    options: UdpListenerOptions,
    dependencies: ListenerDependencies,
  ): Promise<DgramUdpListener> {
    const socket = createSocket({
      type: isIPv6(address.host) ? 'udp6' : 'udp4',
      ipv6Only: isIPv6(address.host) && options.ipv6Only,
      reusePort: options.reusePort ?? false,
      recvBufferSize: options.receiveBufferBytes,
      lookup: sameAddress,
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('error', reject);
    const { descriptor } = options;
    const place = descriptor === undefined ? placeOf(address) : { fd: descriptor };
    socket.bind({ ...place, exclusive: true }, resolve);
    try {
      await promise;
    } catch (error) {
      socket.close();
      throw listenFailure('UDP', address, error);
    }
    socket.off('error', reject);
    return new DgramUdpListener(socket, dependencies);
  }

  get address(): SocketAddress {
    const { address, port } = this.#socket.address();
    return { host: address, port };
  }

  /** Responses under way are still sent; nothing more is received. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.close(resolve);
    return promise;
  }

  #receive(message: Buffer, from: RemoteInfo): void {
    if (from.port === 0) {
      this.#dependencies.observer.countDropped('port_zero'); // nobody can be answered there
      return;
    }
    const verdict = this.#judge(from.address);
    if (verdict !== clientVerdict.serve) {
      this.#answerSlowly(message, from, verdict);
      return;
    }
    const slab = this.#slab;
    slab.reserve(responseBytesMax);
    const { bytes, position } = slab;
    const { hotPath } = this.#dependencies;
    hotPath.start();
    const length = hotPath.answer(
      message,
      0,
      message.length,
      bytes,
      position,
      responseBytesMax,
      transportUdp,
    );
    hotPath.finish();
    if (length > 0) {
      slab.take(length);
      this.#socket.send(bytes, position, length, from.port, from.address);
      return;
    }
    this.#answerSlowly(message, from, verdict);
  }

  #judge(address: string): ClientVerdict {
    const { gate, clock } = this.#dependencies;
    const length = writeAddress(address, this.#clientOctets);
    return gate.judge('udp', this.#clientOctets, 0, length, clock.nowMs());
  }

  #answerSlowly(message: Buffer, from: RemoteInfo, verdict: ClientVerdict): void {
    const client = { host: from.address, port: from.port };
    const { responder } = this.#dependencies;
    const response = responder.respond(message, { transport: 'udp', client }, verdict);
    if (response instanceof Promise) {
      void response.then((later) => this.#send(later, from)); // respond() never rejects
    } else this.#send(response, from);
  }

  #send(response: Buffer | undefined, to: RemoteInfo): void {
    if (response === undefined) return;
    try {
      this.#socket.send(response, to.port, to.address);
    } catch {
      this.#dependencies.observer.countDropped('closed'); // the socket closed meanwhile
    }
  }
}

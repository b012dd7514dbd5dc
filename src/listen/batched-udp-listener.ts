import { isIPv6 } from 'node:net';
import type { SocketAddress } from '../base/address.ts';
import { isWildcard } from '../base/address.ts';
import { uint16At } from '../base/bytes.ts';
import { BatchedSocket } from '../datagram/batched-socket.ts';
import type { DatagramHandler } from '../datagram/batched-socket.ts';
import { addressFamily, socketName } from '../datagram/kernel-layout.ts';
import type { DatagramLoss, Peer } from '../datagram/send-queue.ts';
import type { SystemCalls } from '../datagram/system-calls.ts';
import { clientVerdict } from '../query/client-verdict.ts';
import type { ClientVerdict } from '../query/client-verdict.ts';
import { listenFailure } from './listen-error.ts';
import { responseBytesMax, transportUdp } from './udp-listener.ts';
import type { ListenerDependencies, UdpListener, UdpListenerOptions } from './udp-listener.ts';

/** The largest there is: whatever comes is judged by its octets, as everywhere. */
const queryBytesMax = 65_535;

/** Nobody sends from there (RFC 863). */
const discardPort = 9;

type Response = Buffer | undefined;

/**
 * One UDP socket that takes and answers queries in batches. The octets of a hit go from the
 * kernel's buffer to the kernel's buffer without an object of their own; whatever else a query
 * needs gets a copy.
 */
export class BatchedUdpListener implements UdpListener, DatagramHandler {
  readonly #socket: BatchedSocket;
  readonly #dependencies: ListenerDependencies;
  readonly #received: Buffer;
  readonly #outgoing: Buffer;
  #nowMs = 0;

  private constructor(
    calls: SystemCalls,
    address: SocketAddress,
    options: UdpListenerOptions,
    dependencies: ListenerDependencies,
  ) {
    this.#dependencies = dependencies;
    const { receiveBufferBytes, ipv6Only, reusePort = false, segmentation = true } = options;
    const settings = {
      address,
      ipv6Only,
      reusePort,
      receiveBufferBytes,
      sendBufferBytes: receiveBufferBytes,
      repliesFromAsked: isWildcard(address.host),
      receiveBytesMax: queryBytesMax,
      sendBytesMax: responseBytesMax,
      joinsDatagrams: segmentation,
    };
    this.#socket = BatchedSocket.open(calls, settings, this);
    this.#received = this.#socket.received;
    this.#outgoing = this.#socket.outgoing;
  }

  /** @throws {ListenFailed} with what to do about it */
  static open(
    calls: SystemCalls,
    address: SocketAddress,
    options: UdpListenerOptions,
    dependencies: ListenerDependencies,
  ): BatchedUdpListener {
    try {
      return new BatchedUdpListener(calls, address, options, dependencies);
    } catch (error) {
      throw listenFailure('UDP', address, error);
    }
  }

  get address(): SocketAddress {
    return this.#socket.address;
  }

  /**
   * A connected socket hears its peer alone, here nobody, and the kernel deals nothing to it any more
   * (Linux 4.19 and later: `reuseport_select_sock`); replies name where they go, so they still can.
   */
  handOver(): void {
    const { host } = this.address;
    const own = isWildcard(host) ? (isIPv6(host) ? '::1' : '127.0.0.1') : host;
    try {
      this.#socket.connect({ host: own, port: discardPort });
    } catch {
      this.#dependencies.observer.countDropped('hand_over'); // it goes on until it is closed
    }
  }

  close(): Promise<void> {
    this.#socket.close();
    return Promise.resolve();
  }

  batchStarted(): void {
    this.#nowMs = this.#dependencies.hotPath.start();
  }

  batchEnded(): void {
    this.#dependencies.hotPath.finish();
  }

  lost(reason: DatagramLoss): void {
    this.#dependencies.observer.countDropped(reason);
  }

  joiningRefused(): void {
    this.#dependencies.observer.countSegmentationRefused();
  }

  datagram(slot: number, start: number, length: number, replyStart: number): number {
    const sender = this.#socket.senderStart(slot);
    if (uint16At(this.#received, sender + socketName.port) === 0) {
      this.#dependencies.observer.countDropped('port_zero'); // nobody can be answered there
      return 0;
    }
    const verdict = this.#judge(sender);
    if (verdict !== clientVerdict.serve) {
      return this.#answerSlowly(slot, this.#copyOf(start, length), replyStart, verdict);
    }
    const answered = this.#dependencies.hotPath.answer(
      this.#received,
      start,
      start + length,
      this.#outgoing,
      replyStart,
      responseBytesMax,
      transportUdp,
    );
    return answered > 0
      ? answered
      : this.#answerSlowly(slot, this.#copyOf(start, length), replyStart, verdict);
  }

  #judge(sender: number): ClientVerdict {
    const isIPv4 = this.#received[sender + socketName.family] === addressFamily.ipv4;
    const at = sender + (isIPv4 ? socketName.ipv4Address : socketName.ipv6Address);
    const { gate } = this.#dependencies;
    return gate.judge('udp', this.#received, at, isIPv4 ? 4 : 16, this.#nowMs);
  }

  /** The memory of a batch is used again for the next one. */
  #copyOf(start: number, length: number): Buffer {
    return Buffer.from(this.#received.subarray(start, start + length));
  }

  #answerSlowly(slot: number, query: Buffer, replyStart: number, verdict: ClientVerdict): number {
    const client = this.#socket.senderOf(slot);
    const { responder } = this.#dependencies;
    const response = responder.respond(query, { transport: 'udp', client }, verdict);
    if (!(response instanceof Promise)) return this.#put(response, replyStart);
    const peer = this.#socket.peerOf(slot);
    void response.then((later) => this.#send(later, peer)); // respond() never rejects
    return 0;
  }

  #put(response: Response, replyStart: number): number {
    if (response === undefined) return 0;
    this.#outgoing.set(response, replyStart);
    return response.length;
  }

  #send(response: Response, peer: Peer): void {
    if (response === undefined) return;
    if (this.#socket.isClosed) this.#dependencies.observer.countDropped('closed');
    else this.#socket.send(response, peer);
  }
}

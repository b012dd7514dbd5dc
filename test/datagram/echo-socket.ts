import type { SocketAddress } from '../../src/base/address.ts';
import { BatchedSocket } from '../../src/datagram/batched-socket.ts';
import type { BatchedSocketOptions, DatagramHandler } from '../../src/datagram/batched-socket.ts';
import type { DatagramLoss, Peer } from '../../src/datagram/send-queue.ts';
import type { SystemCalls } from '../../src/datagram/system-calls.ts';

export const socketDefaults: BatchedSocketOptions = {
  address: { host: '127.0.0.1', port: 0 },
  ipv6Only: false,
  reusePort: false,
  receiveBufferBytes: 4 * 1024 * 1024,
  sendBufferBytes: 4 * 1024 * 1024,
  repliesFromAsked: false,
  receiveBytesMax: 65_535,
  sendBytesMax: 65_507,
  joinsDatagrams: true,
};

/** A socket that keeps what it receives, and sends it back when it has any octets. */
export class EchoSocket implements DatagramHandler {
  readonly socket: BatchedSocket;
  readonly received: Buffer[] = [];
  readonly senders: SocketAddress[] = [];
  readonly peers: Peer[] = [];
  readonly losses: DatagramLoss[] = [];
  joiningRefusals = 0;
  /** In batches of so many. */
  readonly batches: number[] = [];
  /** In place of echoing. */
  onDatagram: ((octets: Buffer, slot: number) => void) | undefined;

  constructor(calls: SystemCalls, options: Partial<BatchedSocketOptions> = {}) {
    this.socket = BatchedSocket.open(calls, { ...socketDefaults, ...options }, this);
  }

  batchStarted(): void {
    this.batches.push(0);
  }

  batchEnded(): void {
    this.batches.push(this.batches.pop() ?? 0);
  }

  lost(reason: DatagramLoss): void {
    this.losses.push(reason);
  }

  joiningRefused(): void {
    this.joiningRefusals++;
  }

  datagram(slot: number, start: number, length: number, replyStart: number): number {
    const octets = Buffer.from(this.socket.received.subarray(start, start + length));
    this.received.push(octets);
    this.batches.push((this.batches.pop() ?? 0) + 1);
    if (this.received.length <= 100) {
      this.senders.push(this.socket.senderOf(slot));
      this.peers.push(this.socket.peerOf(slot));
    }
    if (this.onDatagram !== undefined) {
      this.onDatagram(octets, slot);
      return 0;
    }
    this.socket.outgoing.set(octets, replyStart);
    return length;
  }
}

import type { SocketAddress } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import {
  addressFamily,
  errorNumber,
  ipv4PacketInfo,
  ipv6PacketInfo,
  messageFlag,
} from './kernel-layout.ts';
import type { PacketInfo } from './kernel-layout.ts';
import { batchMax, sendSlots, SocketMemory } from './socket-memory.ts';
import type { MessageGroups } from './message-groups.ts';
import type { MessageVector } from './message-vector.ts';
import { connectDescriptor, openDescriptor } from './open-descriptor.ts';
import type { DatagramSocketOptions, OpenDescriptor } from './open-descriptor.ts';
import { SendQueue } from './send-queue.ts';
import type { DatagramLoss, Peer } from './send-queue.ts';
import { familyOf, nameBytesMax, nameLengthOf, readName, writeName } from './socket-name.ts';
import type { SystemCalls, Watch } from './system-calls.ts';

export interface BatchedSocketOptions extends DatagramSocketOptions {
  /** Longer datagrams are dropped and counted. At most 65,535. */
  readonly receiveBytesMax: number;
  /** What may be sent in one datagram. */
  readonly sendBytesMax: number;
  /** Datagrams for one peer that go out together are given to the kernel as one message. */
  readonly joinsDatagrams: boolean;
  /** Of sockets like this one; by default each has its own. */
  readonly memory?: SocketMemory;
}

/** What a socket calls. Nothing of it may block; what it throws is a defect, and ends the batch. */
export interface DatagramHandler {
  /** Before the datagrams of a batch. */
  batchStarted(): void;
  /**
   * A datagram is in `socket.received[start, start + length)` until this returns. An answer of up
   * to `sendBytesMax` octets may be written to `socket.outgoing` at `replyStart`, unless something
   * is sent meanwhile.
   * @returns the length of the answer, 0 for none now
   */
  datagram(slot: number, start: number, length: number, replyStart: number): number;
  /** After the answers of a batch went out. */
  batchEnded(): void;
  /**
   * A datagram that was received or was to be sent got lost. One that was not sent stands in
   * `socket.outgoing` at `unsentAt` until this returns; nothing may be sent meanwhile.
   */
  lost(reason: DatagramLoss, unsentAt?: number): void;
  /** The kernel takes no joined datagrams here; each goes by itself from now on. */
  joiningRefused?(): void;
  /** What there was room for of a datagram that was too long, after its loss was told. */
  truncated?(slot: number, start: number, length: number): void;
}

/** Batches taken before timers and other sockets have their turn: well below a millisecond. */
const batchesPerTurnMax = 4;

const reading = { readable: true, writable: false };
/** While the kernel takes no answers no queries are read: they wait, or are lost, in its buffer. */
const unblocking = { readable: false, writable: true };

/**
 * A UDP socket that takes and sends datagrams in batches, one system call for up to 64. Its memory
 * is bounded and taken once, whatever comes.
 */
export class BatchedSocket {
  readonly address: SocketAddress;
  readonly #calls: SystemCalls;
  readonly #handler: DatagramHandler;
  readonly #memory: SocketMemory;
  readonly #in: MessageVector;
  readonly #outgoing: MessageGroups;
  readonly #out: SendQueue;
  readonly #watch: Watch;
  readonly #family: number;
  readonly #packetInfo: PacketInfo | undefined;
  #descriptor: number;
  #isInTurn = false;
  #isBlocked = false;
  #isFlushDue = false;

  private constructor(
    calls: SystemCalls,
    opened: OpenDescriptor,
    options: BatchedSocketOptions,
    handler: DatagramHandler,
  ) {
    const packetInfo = packetInfoOf(opened.family, options);
    this.#packetInfo = packetInfo;
    this.#family = opened.family;
    this.address = opened.address;
    this.#calls = calls;
    this.#handler = handler;
    this.#descriptor = opened.descriptor;
    const nameLength = nameLengthOf(opened.family);
    const shape = { ...options, nameLength, packetInfo };
    this.#memory = options.memory ?? new SocketMemory(calls, shape);
    this.#in = this.#memory.received;
    this.#outgoing = this.#memory.takeOutgoing();
    this.#out = new SendQueue(calls, this.#outgoing, options.joinsDatagrams, handler);
    this.#watch = calls.watch(opened.descriptor, reading, (status) => this.#ready(status));
  }

  /**
   * @throws {SystemCallFailed} and leaves nothing open
   * @throws {MalformedAddress} for an address that is none
   */
  static open(
    calls: SystemCalls,
    options: BatchedSocketOptions,
    handler: DatagramHandler,
  ): BatchedSocket {
    const opened = openDescriptor(calls, options);
    try {
      return new BatchedSocket(calls, opened, options, handler);
    } catch (error) {
      calls.close(opened.descriptor);
      throw error;
    }
  }

  /** Where received datagrams lie, and the addresses of their senders. */
  get received(): Buffer {
    return this.#in.bytes;
  }

  /** Where answers are written. */
  get outgoing(): Buffer {
    return this.#out.vector.bytes;
  }

  get isClosed(): boolean {
    return this.#descriptor < 0;
  }

  /** Where the name of a datagram's sender stands in {@link received}: see `socketName`. */
  senderStart(slot: number): number {
    return this.#in.nameStart(slot);
  }

  /** The sender of a datagram, in text. */
  senderOf(slot: number): SocketAddress {
    return readName(this.#in.bytes, this.#in.nameStart(slot));
  }

  /** A copy of the sender of a datagram and of the address that it asked, to answer it later. */
  peerOf(slot: number): Peer {
    const { bytes } = this.#in;
    const nameStart = this.#in.nameStart(slot);
    const name = bytes.subarray(nameStart, nameStart + nameBytesMax);
    if (this.#packetInfo === undefined || !this.#in.hasPacketInfo(slot)) return Buffer.from(name);
    const start = this.#in.controlStart(slot);
    const control = bytes.subarray(start, start + this.#packetInfo.space);
    return Buffer.concat([name, control]);
  }

  /**
   * An address to send to, encoded once.
   * @throws {MalformedAddress} for an address that is none
   */
  peerAt(address: SocketAddress): Peer {
    assert(familyOf(address.host) === this.#family, 'a peer is of the family of the socket');
    const name = Buffer.alloc(nameBytesMax);
    writeName(address, name, 0, (zone) => this.#calls.interfaceNumber(zone));
    return name;
  }

  /**
   * From now on only this peer can send to the socket, and `send` needs no peer.
   * @throws {SystemCallFailed}
   */
  connect(to: SocketAddress): void {
    assert(!this.isClosed, 'a closed socket is not connected');
    connectDescriptor(this.#calls, this.#descriptor, to);
  }

  /**
   * Copies a datagram into the queue, which goes out at the end of this turn of the event loop.
   * @returns false when it was lost: counted, but for a socket that is closed
   */
  send(octets: Uint8Array, peer?: Peer): boolean {
    assert(octets.length <= this.#out.vector.dataBytesMax, 'a datagram fits its slot');
    if (this.isClosed) return false;
    if (this.#out.isFull && !this.#isBlocked) this.#flush();
    if (this.#out.isFull) {
      this.#handler.lost('send_queue_full');
      return false;
    }
    this.outgoing.set(octets, this.#out.nextDataStart);
    this.#out.add(octets.length, peer);
    this.#flushLater();
    return true;
  }

  /** Sends what it can of what waits. Nothing more is received, also in the middle of a batch. */
  close(): void {
    if (this.isClosed) return;
    if (!this.#isBlocked) this.#out.flush(this.#descriptor);
    this.#out.drop('send_queue_full');
    this.#watch.close();
    this.#calls.close(this.#descriptor);
    this.#memory.giveBack(this.#outgoing);
    this.#descriptor = -1;
  }

  /** The event loop found the socket readable or writable, or with an error to fetch. */
  #ready(status: number): void {
    if (this.isClosed) return;
    try {
      if (!this.#isBlocked || this.#flush()) this.#turn();
      if (status < 0 && !this.isClosed) this.#watch.restart(this.#isBlocked ? unblocking : reading);
    } catch (error) {
      // Nothing above would hear of it: an exception ends koffi's callback without a word.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #turn(): void {
    for (let batch = 0; batch < batchesPerTurnMax; batch++) {
      if (!this.#makeRoom()) return;
      const count = this.#receive();
      if (count > 0) this.#handle(count);
      if (count < batchMax || this.isClosed || this.#isBlocked) return;
    }
  }

  /** Sends late answers when a batch of answers might not fit beside them. */
  #makeRoom(): boolean {
    return this.#out.waiting <= sendSlots - batchMax || this.#flush();
  }

  /** @returns how many datagrams came: 0 for none, or for an error that was counted */
  #receive(): number {
    const count = this.#calls.receiveMany(
      this.#descriptor,
      this.#in.headerAddress(0),
      batchMax,
      messageFlag.doNotWait,
    );
    if (count >= 0) return Math.min(count, batchMax);
    const error = this.#calls.errorNumber();
    if (error !== errorNumber.wouldBlock && error !== errorNumber.interrupted) {
      this.#handler.lost('receive_error');
    }
    return 0;
  }

  #handle(count: number): void {
    this.#isInTurn = true;
    try {
      this.#handler.batchStarted();
      for (let slot = 0; slot < count && !this.isClosed; slot++) this.#handOn(slot);
    } finally {
      this.#isInTurn = false;
      this.#in.makeReady(count);
      if (!this.isClosed) this.#flush();
      this.#handler.batchEnded();
    }
  }

  #handOn(slot: number): void {
    if (this.#in.isTruncated(slot)) {
      this.#handler.lost('truncated');
      const length = this.#in.receivedLength(slot);
      this.#handler.truncated?.(slot, this.#in.dataStart(slot), length);
      return;
    }
    if (this.#out.isFull && !this.#flush()) {
      this.#handler.lost('send_queue_full');
      return;
    }
    const length = this.#handler.datagram(
      slot,
      this.#in.dataStart(slot),
      this.#in.receivedLength(slot),
      this.#out.nextDataStart,
    );
    if (length > 0 && !this.isClosed) this.#out.addReply(length, this.#in, slot);
  }

  #flushLater(): void {
    if (this.#isInTurn || this.#isBlocked || this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      if (!this.isClosed && !this.#isBlocked) this.#flush();
    });
  }

  /** @returns whether all is sent; otherwise the socket waits until the kernel takes more */
  #flush(): boolean {
    const isDone = this.#out.flush(this.#descriptor);
    if (isDone === this.#isBlocked) this.#watch.restart(isDone ? reading : unblocking);
    this.#isBlocked = !isDone;
    return isDone;
  }
}

function packetInfoOf(family: number, options: BatchedSocketOptions): PacketInfo | undefined {
  if (!options.repliesFromAsked) return undefined;
  return family === addressFamily.ipv4 ? ipv4PacketInfo : ipv6PacketInfo;
}

import { byteAt } from '../base/bytes.ts';
import { errorNumber, ipv4PacketInfo, messageFlag } from './kernel-layout.ts';
import type { PacketInfo } from './kernel-layout.ts';
import type { MessageVector } from './message-vector.ts';
import { nameBytesMax } from './socket-name.ts';
import type { SystemCalls } from './system-calls.ts';

/** Why a datagram was not sent, or not handed on. */
export type DatagramLoss =
  /** Longer than the room for it: `MSG_TRUNC`. */
  | 'truncated'
  /** The kernel's send buffer is full, and so is the queue before it. */
  | 'send_queue_full'
  /** ENOBUFS: the queue of the network device is full. */
  | 'no_buffers'
  | 'send_error'
  /** Of an earlier datagram, most often: ICMP said that it cannot be delivered. */
  | 'receive_error';

/**
 * Where an answer goes: the octets of a name, then of a control message that says which address it
 * leaves from, where that is known. Made by the socket that received; opaque to others.
 */
export type Peer = Uint8Array;

const wordBytes = 4;
/** Times that one datagram is tried when the error of another one came in its place. */
const triesMax = 2;

/**
 * Datagrams that go out with the next `sendmmsg`: a row of slots that is filled from the front and
 * is empty again when all went out. What is full waits, and what comes then is refused.
 */
export class SendQueue {
  readonly vector: MessageVector;
  readonly #calls: SystemCalls;
  readonly #lost: (reason: DatagramLoss, unsentAt: number) => void;
  readonly #packetInfo: PacketInfo | undefined;
  #first = 0;
  #count = 0;
  #tries = 0;

  /** @param lost is told where the data of a datagram stand that was not sent */
  constructor(
    calls: SystemCalls,
    vector: MessageVector,
    lost: (reason: DatagramLoss, unsentAt: number) => void,
  ) {
    this.vector = vector;
    this.#calls = calls;
    this.#packetInfo = vector.packetInfo;
    this.#lost = lost;
  }

  /** Datagrams that wait. */
  get waiting(): number {
    return this.#count - this.#first;
  }

  get isFull(): boolean {
    return this.#count === this.vector.slots;
  }

  /** Where the data of the next datagram are written; not while the queue is full. */
  get nextDataStart(): number {
    return this.vector.dataStart(this.#count);
  }

  /** Adds an answer, whose data are in place, to the sender of a received datagram. */
  addReply(length: number, from: MessageVector, slot: number): void {
    const to = this.#count;
    const hasInfo = from.hasPacketInfo(slot);
    this.#copyWords(from, from.nameStart(slot), this.vector.nameStart(to), nameBytesMax);
    if (hasInfo) {
      const start = this.vector.controlStart(to);
      this.#copyWords(from, from.controlStart(slot), start, this.#packetInfo?.space ?? 0);
      this.#leaveByRoute(start);
    }
    this.#add(length, true, hasInfo);
  }

  /** Adds a datagram whose data are in place; without a peer it goes where the socket is connected. */
  add(length: number, peer: Peer | undefined): void {
    const { bytes } = this.vector;
    const hasInfo = peer !== undefined && peer.length > nameBytesMax;
    if (peer !== undefined) {
      bytes.set(peer.subarray(0, nameBytesMax), this.vector.nameStart(this.#count));
      if (hasInfo) {
        const start = this.vector.controlStart(this.#count);
        bytes.set(peer.subarray(nameBytesMax, nameBytesMax + this.#space), start);
        this.#leaveByRoute(start);
      }
    }
    this.#add(length, peer !== undefined, hasInfo);
  }

  /** Sends what waits. @returns false when the kernel takes no more for now */
  flush(descriptor: number): boolean {
    while (this.#first < this.#count) {
      const address = this.vector.headerAddress(this.#first);
      const flags = messageFlag.doNotWait | messageFlag.noSignal;
      const sent = this.#calls.sendMany(descriptor, address, this.waiting, flags);
      if (sent > 0) {
        this.#first += Math.min(sent, this.waiting);
        this.#tries = 0;
      } else if (!this.#passOver(sent === 0 ? 0 : this.#calls.errorNumber())) return false;
    }
    this.#first = 0;
    this.#count = 0;
    return true;
  }

  /** Counts what waits as lost. */
  drop(reason: DatagramLoss): void {
    for (let slot = this.#first; slot < this.#count; slot++) {
      this.#lost(reason, this.vector.dataStart(slot));
    }
    this.#first = 0;
    this.#count = 0;
  }

  get #space(): number {
    return this.#packetInfo?.space ?? 0;
  }

  #add(length: number, hasName: boolean, hasInfo: boolean): void {
    this.vector.prepare(this.#count, length, hasName, hasInfo);
    this.#count++;
  }

  /**
   * Decides about the datagram that could not be sent. The error of a connected socket may be that
   * of an earlier datagram, so it is tried once more.
   * @returns false when it has to wait
   */
  #passOver(error: number): boolean {
    if (error === errorNumber.wouldBlock) return false;
    this.#tries++;
    if (error === errorNumber.interrupted && this.#tries < triesMax) return true;
    if (error === errorNumber.connectionRefused && this.#tries < triesMax) return true;
    const unsentAt = this.vector.dataStart(this.#first);
    this.#lost(error === errorNumber.noBuffers ? 'no_buffers' : 'send_error', unsentAt);
    this.#first++;
    this.#tries = 0;
    return true;
  }

  #copyWords(from: MessageVector, source: number, target: number, length: number): void {
    for (let at = 0; at < length; at += wordBytes) {
      this.vector.setWord(target + at, from.word(source + at));
    }
  }

  /**
   * The answer leaves from the address that was asked, by the interface that leads to the client:
   * not always the one that the query came in by. A link-local address has no meaning without its
   * interface (RFC 4007 section 6).
   */
  #leaveByRoute(start: number): void {
    const info = this.#packetInfo;
    if (info === undefined) return;
    const { bytes } = this.vector;
    const at = start + info.addressAt;
    const isLinkLocal = byteAt(bytes, at) === 0xfe && (byteAt(bytes, at + 1) & 0xc0) === 0x80;
    if (info === ipv4PacketInfo || !isLinkLocal) this.vector.setWord(start + info.interfaceAt, 0);
  }
}

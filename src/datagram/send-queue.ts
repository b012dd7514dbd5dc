import { byteAt } from '../base/bytes.ts';
import { errorNumber, ipv4PacketInfo, messageFlag } from './kernel-layout.ts';
import type { PacketInfo } from './kernel-layout.ts';
import type { MessageGroups } from './message-groups.ts';
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

/** What a queue tells. */
export interface SendEvents {
  /** The data of a datagram that was not sent stand at `unsentAt`. */
  lost(reason: DatagramLoss, unsentAt: number): void;
  /** The kernel takes no joined datagrams: from now on each goes by itself. */
  joiningRefused?(): void;
}

/**
 * Datagrams that go out with the next `sendmmsg`: a row of slots that is filled from the front and
 * is empty again when all went out. What is full waits, and what comes then is refused.
 */
export class SendQueue {
  readonly vector: MessageVector;
  readonly #calls: SystemCalls;
  readonly #groups: MessageGroups;
  readonly #events: SendEvents;
  readonly #packetInfo: PacketInfo | undefined;
  /** The slots that wait, in the order in which they go out. */
  readonly #slots: Uint16Array;
  #waiting = 0;
  /** Slots taken, those included that have gone out. */
  #count = 0;
  #tries = 0;
  #mayJoin: boolean;

  /** @param mayJoin whether datagrams for one peer may go as one message */
  constructor(calls: SystemCalls, groups: MessageGroups, mayJoin: boolean, events: SendEvents) {
    this.vector = groups.vector;
    this.#calls = calls;
    this.#groups = groups;
    this.#packetInfo = groups.vector.packetInfo;
    this.#slots = new Uint16Array(groups.vector.slots);
    this.#mayJoin = mayJoin;
    this.#events = events;
  }

  /** Datagrams that wait. */
  get waiting(): number {
    return this.#waiting;
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
    let mayJoin = this.#mayJoin;
    while (this.#waiting > 0) {
      const outcome = this.#send(descriptor, mayJoin);
      if (outcome === 'blocked') return false;
      if (outcome === 'refused') mayJoin = false;
    }
    this.#count = 0;
    return true;
  }

  /** Counts what waits as lost. */
  drop(reason: DatagramLoss): void {
    for (let at = 0; at < this.#waiting; at++) this.#lose(reason, at);
    this.#waiting = 0;
    this.#count = 0;
  }

  get #space(): number {
    return this.#packetInfo?.space ?? 0;
  }

  #add(length: number, hasName: boolean, hasInfo: boolean): void {
    this.vector.prepare(this.#count, length, hasName, hasInfo);
    this.#slots[this.#waiting++] = this.#count++;
  }

  /** Sends messages until all are gone, the kernel takes no more, or refuses what was joined. */
  #send(descriptor: number, mayJoin: boolean): 'done' | 'blocked' | 'refused' {
    const messages = this.#groups.form(this.#slots, this.#waiting, mayJoin);
    const flags = messageFlag.doNotWait | messageFlag.noSignal;
    let first = 0;
    let outcome: 'again' | 'blocked' | 'lost' | 'refused' = 'again';
    while (first < messages && (outcome === 'again' || outcome === 'lost')) {
      const address = this.#groups.headerAddress(first);
      const sent = this.#calls.sendMany(descriptor, address, messages - first, flags);
      if (sent > 0) {
        first += Math.min(sent, messages - first);
        this.#tries = 0;
        continue;
      }
      outcome = this.#judge(sent === 0 ? 0 : this.#calls.errorNumber(), first);
      if (outcome === 'lost') first++;
    }
    this.#waiting = this.#groups.slotsOf(first, messages, this.#slots);
    return outcome === 'blocked' || outcome === 'refused' ? outcome : 'done';
  }

  /**
   * Decides about the message that could not be sent. The error of a connected socket may be that
   * of an earlier datagram, so it is tried once more. Where datagrams were joined each is tried by
   * itself: what cannot be divided can be sent, and only one whose own fault it is gets lost.
   */
  #judge(error: number, message: number): 'again' | 'blocked' | 'lost' | 'refused' {
    if (error === errorNumber.wouldBlock) return 'blocked';
    this.#tries++;
    if (error === errorNumber.interrupted && this.#tries < triesMax) return 'again';
    if (error === errorNumber.connectionRefused && this.#tries < triesMax) return 'again';
    this.#tries = 0;
    const hasNoRoom = error === errorNumber.noBuffers;
    if (this.#groups.isJoined(message) && !hasNoRoom) {
      if (error === errorNumber.inputOutput || error === errorNumber.invalid) this.#joinNoMore();
      return 'refused';
    }
    const count = this.#groups.slotsOf(message, message + 1, this.#slots);
    for (let at = 0; at < count; at++) this.#lose(hasNoRoom ? 'no_buffers' : 'send_error', at);
    return 'lost';
  }

  /** The device cannot divide messages, or the path is too narrow for their parts. */
  #joinNoMore(): void {
    this.#mayJoin = false;
    this.#events.joiningRefused?.();
  }

  #lose(reason: DatagramLoss, at: number): void {
    this.#events.lost(reason, this.vector.dataStart(this.#slots[at] as number)); // at < waiting
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

import { assert } from '../base/assert.ts';
import { messageHeader, vector } from './kernel-layout.ts';
import type { MessageVector } from './message-vector.ts';
import type { SystemCalls } from './system-calls.ts';

/** Datagrams that the kernel takes in one message: `UDP_MAX_SEGMENTS` of Linux before 6.9. */
const segmentsMax = 64;
/** Octets of them all: an IP packet, with some room for its headers. */
const groupBytesMax = 65_000;
/**
 * Longer datagrams stay by themselves. These fit the least MTU of IPv6 (RFC 8200 section 5): the
 * kernel refuses a message whose parts would not fit the path.
 */
const segmentBytesMax = 1232;
const wordBytes = 4;
const headerWords = messageHeader.size / wordBytes;
const vectorWords = vector.size / wordBytes;
/** Entries of the table of peers: a power of two, and so many that few collide. */
const tableSize = 512;
const none = -1;
/** Knuth's multiplicative hashing (TAOCP 6.4): the golden ratio in 32 bits. */
const goldenRatio = 0x9e37_79b1;

/**
 * Puts datagrams that wait in the slots of a vector into as few messages as it can, for `sendmmsg`:
 * those for one peer become one message, which the kernel divides again at the very end of its way
 * (`UDP_SEGMENT`, udp(7)). Its way through routing, filters and devices is then gone once for all of
 * them. Every datagram stays one of its own for whoever receives it.
 *
 * The parts of a message have one length; only the last may be shorter. So two of any length make a
 * message, the longer one first, and more of them where their lengths are the same. Datagrams for
 * one peer may therefore overtake each other, as UDP may let them anyway.
 */
export class MessageGroups {
  readonly vector: MessageVector;
  readonly #address: number;
  /** Headers of messages, then the vectors of all their parts. */
  readonly #words: Int32Array;
  readonly #vectorsAt: number;
  /** By message. */
  readonly #heads: Int16Array;
  readonly #tails: Int16Array;
  readonly #counts: Uint8Array;
  readonly #segmentBytes: Uint16Array;
  readonly #groupBytes: Int32Array;
  readonly #isClosed: Uint8Array;
  /** By slot: the next one of its message. */
  readonly #next: Int16Array;
  /** The newest message for a peer, by hash. */
  readonly #newest = new Int16Array(tableSize);
  #messages = 0;

  constructor(calls: SystemCalls, messages: MessageVector) {
    const { slots } = messages;
    this.vector = messages;
    const memory = new ArrayBuffer(slots * (messageHeader.size + vector.size));
    this.#words = new Int32Array(memory);
    this.#vectorsAt = slots * headerWords;
    this.#address = calls.addressOf(memory);
    this.#heads = new Int16Array(slots);
    this.#tails = new Int16Array(slots);
    this.#counts = new Uint8Array(slots);
    this.#segmentBytes = new Uint16Array(slots);
    this.#groupBytes = new Int32Array(slots);
    this.#isClosed = new Uint8Array(slots);
    this.#next = new Int16Array(slots);
  }

  /**
   * Makes messages of the datagrams in `slots[0, count)`.
   * @param mayJoin false: each is a message of its own
   * @returns how many messages there are
   */
  form(slots: Uint16Array, count: number, mayJoin: boolean): number {
    assert(count <= this.vector.slots, 'there are no more datagrams than slots');
    this.#messages = 0;
    if (mayJoin) this.#newest.fill(none);
    for (let at = 0; at < count; at++) {
      const slot = slots[at] as number; // at < count
      if (mayJoin) this.#place(slot);
      else this.#begin(slot);
    }
    this.#write();
    return this.#messages;
  }

  /** Where the header of a message lies for the kernel. */
  headerAddress(message: number): number {
    return this.#address + message * messageHeader.size;
  }

  /** Whether a message has several datagrams. */
  isJoined(message: number): boolean {
    return (this.#counts[message] as number) > 1;
  }

  /**
   * Writes the slots of the messages from `first` to before `end` to `slots`.
   * @returns how many there are
   */
  slotsOf(first: number, end: number, slots: Uint16Array): number {
    let count = 0;
    for (let message = first; message < end; message++) {
      let slot = this.#heads[message] as number;
      for (; slot !== none; slot = this.#next[slot] as number) slots[count++] = slot;
    }
    return count;
  }

  /** Joins a datagram to the newest message for its peer, or begins one. */
  #place(slot: number): void {
    let place = this.#hashOf(slot);
    let message = this.#newest[place] as number;
    while (message !== none && !this.vector.isForSame(this.#heads[message] as number, slot)) {
      place = (place + 1) & (tableSize - 1);
      message = this.#newest[place] as number;
    }
    if (message !== none && this.#join(message, slot)) return;
    this.#newest[place] = this.#begin(slot);
  }

  #begin(slot: number): number {
    const message = this.#messages++;
    const length = this.vector.preparedLength(slot);
    this.#heads[message] = slot;
    this.#tails[message] = slot;
    this.#counts[message] = 1;
    this.#segmentBytes[message] = length;
    this.#groupBytes[message] = length;
    this.#isClosed[message] = length === 0 || length > segmentBytesMax ? 1 : 0;
    this.#next[slot] = none;
    return message;
  }

  /** @returns false when the message takes no more, or none of this length */
  #join(message: number, slot: number): boolean {
    if (this.#isClosed[message] === 1) return false;
    const length = this.vector.preparedLength(slot);
    const segmentBytes = this.#segmentBytes[message] as number;
    const count = this.#counts[message] as number;
    const groupBytes = (this.#groupBytes[message] as number) + length;
    if (length === 0 || length > segmentBytesMax || groupBytes > groupBytesMax) return false;
    if (length > segmentBytes) {
      if (count > 1) return false;
      this.#next[slot] = this.#heads[message] as number;
      this.#heads[message] = slot;
      this.#segmentBytes[message] = length;
    } else {
      this.#next[this.#tails[message] as number] = slot;
      this.#tails[message] = slot;
      this.#next[slot] = none;
    }
    this.#counts[message] = count + 1;
    this.#groupBytes[message] = groupBytes;
    if (length !== segmentBytes || count + 1 === segmentsMax) this.#isClosed[message] = 1;
    return true;
  }

  /** Writes headers and vectors, most of which stand ready at their slots. */
  #write(): void {
    const words = this.#words;
    let part = 0;
    for (let message = 0; message < this.#messages; message++) {
      const head = this.#heads[message] as number;
      const header = message * headerWords;
      const firstPart = part;
      this.vector.copyHeader(head, words, header);
      for (let slot = head; slot !== none; slot = this.#next[slot] as number) {
        this.vector.copyVector(slot, words, this.#vectorsAt + part * vectorWords);
        part++;
      }
      this.#point(header + messageHeader.vectorAddress / wordBytes, firstPart);
      words[header + messageHeader.vectorCount / wordBytes] = part - firstPart;
      if (part - firstPart > 1) {
        const space = this.vector.addSegmentControl(head, this.#segmentBytes[message] as number);
        words[header + messageHeader.controlLength / wordBytes] = space;
      }
    }
  }

  /** Writes the address of a vector, of which the upper half is that of the first. */
  #point(word: number, part: number): void {
    const to = this.#address + this.#vectorsAt * wordBytes + part * vector.size;
    this.#words[word] = to | 0;
    this.#words[word + 1] = Math.floor(to / 2 ** 32);
  }

  #hashOf(slot: number): number {
    const mixed = Math.imul(this.vector.peerBits(slot), goldenRatio);
    return mixed >>> 23; // the upper bits, as many as the table has
  }
}

import { assert } from '../base/assert.ts';
import {
  controlHeader,
  messageFlag,
  messageHeader,
  segmentControl,
  vector,
} from './kernel-layout.ts';
import type { PacketInfo } from './kernel-layout.ts';
import { nameBytesMax } from './socket-name.ts';
import type { SystemCalls } from './system-calls.ts';

export interface VectorShape {
  readonly slots: number;
  /** Room for the octets of one datagram. */
  readonly dataBytesMax: number;
  /** Octets of a name of the socket's family. */
  readonly nameLength: number;
  /** What control messages hold; undefined for none. */
  readonly packetInfo: PacketInfo | undefined;
}

/** Room for the longest control messages, those of IPv6 and of segments, and a cache line. */
const controlBytesMax = 64;
/** Octets of a cache line on the machines at hand. */
const lineBytes = 64;
/**
 * Octets that keep the beginnings of slots apart in the processor's caches: at a distance of a
 * power of two they would all fall into one set and push each other out.
 */
const stagger = 3 * lineBytes;
/** What may be sent or received in one datagram: the 16 bits of its length. */
const dataBytesCeiling = 65_535;
const slotsMax = 1024;
const wordBytes = 4;

/**
 * The memory of one `recvmmsg` or `sendmmsg`: headers, vectors, names, control messages and data
 * of so many datagrams in one ArrayBuffer, which stays where it is. Every address in it is written
 * once, here; later only lengths change, and none beyond the room of its slot.
 *
 * Memory is taken by the page when it is first written to: a slot that never saw a large datagram
 * costs the pages of small ones.
 */
export class MessageVector {
  readonly slots: number;
  readonly dataBytesMax: number;
  /** All of it; a slot's data begin at {@link dataStart}. */
  readonly bytes: Buffer;
  readonly #words: Int32Array;
  readonly #address: number;
  readonly packetInfo: PacketInfo | undefined;
  readonly #nameLength: number;
  readonly #namesStart: number;
  readonly #controlsStart: number;
  readonly #dataStart: number;
  readonly #dataStride: number;

  constructor(calls: SystemCalls, shape: VectorShape) {
    const { slots, dataBytesMax, nameLength, packetInfo } = shape;
    assert(slots > 0 && slots <= slotsMax, 'a batch has from 1 to 1,024 slots');
    assert(
      dataBytesMax > 0 && dataBytesMax <= dataBytesCeiling,
      'a datagram has 16 bits of length',
    );
    assert(nameLength <= nameBytesMax, 'a name fits its room');
    this.slots = slots;
    this.dataBytesMax = dataBytesMax;
    this.#nameLength = nameLength;
    this.packetInfo = packetInfo;
    const vectorsStart = slots * messageHeader.size;
    this.#namesStart = vectorsStart + slots * vector.size;
    this.#controlsStart = this.#namesStart + slots * nameBytesMax;
    this.#dataStart = roundUp(this.#controlsStart + slots * controlBytesMax);
    this.#dataStride = roundUp(dataBytesMax) + stagger;
    const memory = new ArrayBuffer(this.#dataStart + slots * this.#dataStride);
    this.bytes = Buffer.from(memory);
    this.#words = new Int32Array(memory);
    this.#address = calls.addressOf(memory);
    assert(
      Number.isSafeInteger(this.#address) && this.#address > 0,
      'an address is a whole number',
    );
    for (let slot = 0; slot < slots; slot++) this.#connect(slot, vectorsStart);
  }

  /** Where the header of a slot lies for the kernel. */
  headerAddress(slot: number): number {
    return this.#address + slot * messageHeader.size;
  }

  nameStart(slot: number): number {
    return this.#namesStart + slot * nameBytesMax;
  }

  controlStart(slot: number): number {
    return this.#controlsStart + slot * controlBytesMax;
  }

  dataStart(slot: number): number {
    return this.#dataStart + slot * this.#dataStride;
  }

  /** Octets of the datagram that the kernel received into the slot. */
  receivedLength(slot: number): number {
    return Math.min(this.#read(slot, messageHeader.length), this.dataBytesMax);
  }

  /** The datagram was longer than its room. */
  isTruncated(slot: number): boolean {
    return (this.#read(slot, messageHeader.flags) & messageFlag.truncated) !== 0;
  }

  /** Makes the first `count` slots ready to receive: the kernel overwrites what it was told. */
  makeReady(count: number): void {
    const space = this.packetInfo?.space ?? 0;
    for (let slot = 0; slot < count; slot++) {
      this.#write(slot, messageHeader.nameLength, this.#nameLength);
      this.#write(slot, messageHeader.controlLength, space);
    }
  }

  /** Whether the control message of a received slot tells which address was asked. */
  hasPacketInfo(slot: number): boolean {
    const info = this.packetInfo;
    if (info === undefined) return false;
    const at = this.controlStart(slot);
    return (
      this.#read(slot, messageHeader.controlLength) >= info.length &&
      this.word(at + controlHeader.level) === info.level &&
      this.word(at + controlHeader.type) === info.type
    );
  }

  /** What a slot is to send: lengths of data, and whether its name and control message are set. */
  prepare(slot: number, dataLength: number, hasName: boolean, hasPacketInfo: boolean): void {
    assert(slot >= 0 && slot < this.slots, 'a slot is one of the vector');
    assert(dataLength >= 0 && dataLength <= this.dataBytesMax, 'data fit their room');
    this.#words[(this.#vectorStart(slot) + vector.length) / wordBytes] = dataLength;
    this.#write(slot, messageHeader.nameLength, hasName ? this.#nameLength : 0);
    const space = hasPacketInfo ? (this.packetInfo?.space ?? 0) : 0;
    this.#write(slot, messageHeader.controlLength, space);
  }

  /** Octets of a datagram to be sent. */
  preparedLength(slot: number): number {
    return this.word(this.#vectorStart(slot) + vector.length);
  }

  /** Bits that differ for most pairs of peers. */
  peerBits(slot: number): number {
    const start = this.nameStart(slot);
    const end = start + this.#read(slot, messageHeader.nameLength);
    let bits = 0;
    for (let at = start; at < end; at += wordBytes) bits = Math.imul(bits, 31) ^ this.word(at);
    return bits;
  }

  /** Whether two datagrams go to one peer, from one address. */
  isForSame(slot: number, other: number): boolean {
    const nameLength = this.#read(slot, messageHeader.nameLength);
    const controlLength = this.#read(slot, messageHeader.controlLength);
    return (
      nameLength === this.#read(other, messageHeader.nameLength) &&
      controlLength === this.#read(other, messageHeader.controlLength) &&
      this.#isSame(this.nameStart(slot), this.nameStart(other), nameLength) &&
      this.#isSame(this.controlStart(slot), this.controlStart(other), controlLength)
    );
  }

  /** Copies the header of a slot to `words` from `at` on. */
  copyHeader(slot: number, words: Int32Array, at: number): void {
    const from = (slot * messageHeader.size) / wordBytes;
    for (let word = 0; word < messageHeader.size / wordBytes; word++) {
      words[at + word] = this.#words[from + word] as number; // a header is within its slot
    }
  }

  /** Copies where the data of a slot stand, and how many they are, to `words` from `at` on. */
  copyVector(slot: number, words: Int32Array, at: number): void {
    const from = this.#vectorStart(slot) / wordBytes;
    for (let word = 0; word < vector.size / wordBytes; word++) {
      words[at + word] = this.#words[from + word] as number; // as above
    }
  }

  /**
   * Adds to the control messages of a slot that what is sent is to be divided into datagrams of so
   * many octets.
   * @returns the octets of all its control messages now
   */
  addSegmentControl(slot: number, segmentBytes: number): number {
    const length = this.#read(slot, messageHeader.controlLength);
    const at = this.controlStart(slot) + length;
    assert(length + segmentControl.space <= controlBytesMax, 'control messages fit their room');
    this.setWord(at + controlHeader.length, segmentControl.length);
    this.setWord(at + controlHeader.length + wordBytes, 0);
    this.setWord(at + controlHeader.level, segmentControl.level);
    this.setWord(at + controlHeader.type, segmentControl.type);
    this.setWord(at + controlHeader.data, segmentBytes); // little-endian: its lower half is first
    return length + segmentControl.space;
  }

  /** The 32 bits at an offset that is a multiple of 4. */
  word(at: number): number {
    return this.#words[at / wordBytes] as number; // offsets of slots, which are in bounds
  }

  setWord(at: number, value: number): void {
    this.#words[at / wordBytes] = value;
  }

  #isSame(start: number, other: number, length: number): boolean {
    for (let at = 0; at < length; at += wordBytes) {
      if (this.word(start + at) !== this.word(other + at)) return false;
    }
    return true;
  }

  #vectorStart(slot: number): number {
    return this.slots * messageHeader.size + slot * vector.size;
  }

  #read(slot: number, field: number): number {
    return this.word(slot * messageHeader.size + field);
  }

  #write(slot: number, field: number, value: number): void {
    this.setWord(slot * messageHeader.size + field, value);
  }

  /** Writes the addresses of a slot's parts into its header. */
  #connect(slot: number, vectorsStart: number): void {
    const header = slot * messageHeader.size;
    const vectorStart = vectorsStart + slot * vector.size;
    this.#point(header + messageHeader.nameAddress, this.nameStart(slot));
    this.#point(header + messageHeader.vectorAddress, vectorStart);
    this.bytes.writeBigUInt64LE(1n, header + messageHeader.vectorCount);
    this.#point(header + messageHeader.controlAddress, this.controlStart(slot));
    this.#point(vectorStart + vector.address, this.dataStart(slot));
    this.bytes.writeBigUInt64LE(BigInt(this.dataBytesMax), vectorStart + vector.length);
  }

  #point(at: number, to: number): void {
    this.bytes.writeBigUInt64LE(BigInt(this.#address + to), at);
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / lineBytes) * lineBytes;
}

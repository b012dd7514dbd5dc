import type { PacketInfo } from './kernel-layout.ts';
import { MessageGroups } from './message-groups.ts';
import { MessageVector } from './message-vector.ts';
import type { SystemCalls } from './system-calls.ts';

/** Datagrams of one system call: beyond this the gain per datagram is small (facts of the bench). */
export const batchMax = 64;
/** Datagrams that may wait for the kernel: those of a batch, and as many late answers. */
export const sendSlots = 2 * batchMax;

/** What sockets have in common that share memory. */
export interface MemoryShape {
  readonly receiveBytesMax: number;
  readonly sendBytesMax: number;
  /** Octets of a name of the sockets' family. */
  readonly nameLength: number;
  readonly packetInfo: PacketInfo | undefined;
}

/**
 * Memory of sockets of one kind. What was received is handled before another socket receives, so
 * that all share one place for it; what is to be sent may wait, so that each has its own, which
 * the next one takes over.
 */
export class SocketMemory {
  readonly received: MessageVector;
  readonly #calls: SystemCalls;
  readonly #shape: MemoryShape;
  readonly #free: MessageGroups[] = [];

  constructor(calls: SystemCalls, shape: MemoryShape) {
    this.#calls = calls;
    this.#shape = shape;
    const { receiveBytesMax: dataBytesMax, nameLength, packetInfo } = shape;
    this.received = new MessageVector(calls, {
      slots: batchMax,
      dataBytesMax,
      nameLength,
      packetInfo,
    });
    this.received.makeReady(batchMax);
  }

  takeOutgoing(): MessageGroups {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const { sendBytesMax: dataBytesMax, nameLength, packetInfo } = this.#shape;
    const slots = sendSlots;
    const vector = new MessageVector(this.#calls, { slots, dataBytesMax, nameLength, packetInfo });
    return new MessageGroups(this.#calls, vector);
  }

  giveBack(outgoing: MessageGroups): void {
    this.#free.push(outgoing);
  }
}

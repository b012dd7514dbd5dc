import { byteAt, putUint16, putUint32 } from '../base/bytes.ts';
import { MalformedMessage } from '../base/errors.ts';
import { headerLength, messageLengthMax } from './message.ts';
import { lowerName, sameName } from './name.ts';
import type { Question } from './question.ts';
import type { RdataPart } from './rdata.ts';
import { classIn } from './codes.ts';

/** A record to write. */
export interface RecordToWrite {
  readonly owner: Buffer;
  readonly type: number;
  readonly ttlSeconds: number;
  readonly rdata: readonly RdataPart[];
}

/** A pointer has 14 bits (RFC 1035 4.1.4). */
const pointerOffsetMax = 0x3fff;

/** One message is written at a time, so they share the room for the longest one. */
const scratch = Buffer.alloc(messageLengthMax);

/**
 * Writes a message with compressed names. Names that end like the question point into it, so that
 * they follow the case in which each client asked.
 */
export class MessageWriter {
  readonly #asked: Buffer;
  /** Lower-case rest of a name as latin1 -> where it stands; made when another name is written. */
  #offsets: Map<string, number> | undefined;
  #at = headerLength;

  constructor(question: Question) {
    this.#asked = question.name;
    scratch.fill(0, 0, headerLength);
    putUint16(scratch, 4, 1);
    this.#copy(question.name, question.name.length);
    this.#uint16(question.type);
    this.#uint16(classIn);
  }

  /** @throws {MalformedMessage} when the message would pass 65,535 octets */
  record(record: RecordToWrite): void {
    this.#name(record.owner, true);
    this.#room(10);
    this.#uint16(record.type);
    this.#uint16(classIn);
    putUint32(scratch, this.#at, record.ttlSeconds);
    this.#at += 4;
    const lengthAt = this.#at;
    this.#at += 2;
    for (const part of record.rdata) this.#part(part);
    putUint16(scratch, lengthAt, this.#at - lengthAt - 2);
  }

  /** A copy of what was written. */
  finish(): Buffer {
    return Buffer.from(scratch.subarray(0, this.#at));
  }

  #part(part: RdataPart): void {
    if ('name' in part) {
      this.#name(part.name, part.compressible);
      return;
    }
    this.#room(part.octets.length);
    part.octets.copy(scratch, this.#at);
    this.#at += part.octets.length;
  }

  #name(name: Buffer, compressible: boolean): void {
    this.#room(name.length);
    if (compressible && name.length > 1 && sameName(name, this.#asked)) {
      this.#uint16(0xc000 | headerLength); // most owners
      return;
    }
    const offsets = this.#knownOffsets();
    const lowered = lowerName(name);
    for (let from = 0; byteAt(name, from) !== 0; from += byteAt(name, from) + 1) {
      const rest = lowered.toString('latin1', from);
      const known = offsets.get(rest);
      if (known !== undefined && compressible) {
        this.#copy(name, from);
        this.#uint16(0xc000 | known);
        return;
      }
      const stands = this.#at + from;
      if (known === undefined && stands <= pointerOffsetMax) offsets.set(rest, stands);
    }
    this.#copy(name, name.length);
  }

  #knownOffsets(): Map<string, number> {
    if (this.#offsets !== undefined) return this.#offsets;
    const offsets = new Map<string, number>();
    const asked = lowerName(this.#asked);
    for (let from = 0; byteAt(asked, from) !== 0; from += byteAt(asked, from) + 1) {
      offsets.set(asked.toString('latin1', from), headerLength + from);
    }
    this.#offsets = offsets;
    return offsets;
  }

  /** Copies the first `length` octets of a name. */
  #copy(name: Buffer, length: number): void {
    name.copy(scratch, this.#at, 0, length);
    this.#at += length;
  }

  #uint16(value: number): void {
    putUint16(scratch, this.#at, value);
    this.#at += 2;
  }

  #room(octets: number): void {
    if (this.#at + octets + 2 > messageLengthMax) {
      throw new MalformedMessage('a message would have more than 65,535 octets');
    }
  }
}

import { uint16At } from '../base/bytes.ts';
import { expandName, nameEnd, nameLengthMax } from './name.ts';
import { questionEnd, readTtl, recordFixedLength } from './message.ts';

/** A record of a received message: where its parts are, and its owner expanded. */
export interface ReceivedRecord {
  readonly owner: Buffer;
  readonly type: number;
  readonly class: number;
  /** Seconds as received, at most 2^31 - 1. */
  readonly ttlSeconds: number;
  /** Offset of the type field; the TTL stands at +4. */
  readonly typeOffset: number;
  readonly rdataOffset: number;
  readonly rdataLength: number;
}

/** The records of a received message by section. */
export interface ReceivedRecords {
  readonly answer: readonly ReceivedRecord[];
  readonly authority: readonly ReceivedRecord[];
  readonly additional: readonly ReceivedRecord[];
  /** Where the last record ends. */
  readonly end: number;
}

const nameScratch = Buffer.alloc(nameLengthMax + 1);

/** The name at `offset` without compression, in the case received; undefined if malformed. */
export function readName(message: Buffer, offset: number): Buffer | undefined {
  const length = expandName(message, offset, message.length, nameScratch);
  return length < 0 ? undefined : Buffer.from(nameScratch.subarray(0, length));
}

function readRecord(message: Buffer, offset: number): ReceivedRecord | undefined {
  const typeOffset = nameEnd(message, offset, message.length);
  if (typeOffset < 0 || typeOffset + recordFixedLength > message.length) return undefined;
  const rdataOffset = typeOffset + recordFixedLength;
  const rdataLength = uint16At(message, typeOffset + 8);
  if (rdataOffset + rdataLength > message.length) return undefined;
  const owner = readName(message, offset);
  if (owner === undefined) return undefined;
  return {
    owner,
    type: uint16At(message, typeOffset),
    class: uint16At(message, typeOffset + 2),
    ttlSeconds: readTtl(message, typeOffset + 4),
    typeOffset,
    rdataOffset,
    rdataLength,
  };
}

function readSection(message: Buffer, from: number, count: number): ReceivedRecord[] | undefined {
  const records: ReceivedRecord[] = [];
  let at = from;
  for (let left = count; left > 0; left--) {
    const record = readRecord(message, at);
    if (record === undefined) return undefined;
    records.push(record);
    at = record.rdataOffset + record.rdataLength;
  }
  return records;
}

function sectionEnd(records: readonly ReceivedRecord[], start: number): number {
  const last = records.at(-1);
  return last === undefined ? start : last.rdataOffset + last.rdataLength;
}

/** All records of a message with one question; undefined when any of it is malformed. */
export function readRecords(message: Buffer): ReceivedRecords | undefined {
  const start = questionEnd(message, message.length);
  if (start < 0) return undefined;
  const answer = readSection(message, start, uint16At(message, 6));
  if (answer === undefined) return undefined;
  const authorityStart = sectionEnd(answer, start);
  const authority = readSection(message, authorityStart, uint16At(message, 8));
  if (authority === undefined) return undefined;
  const additionalStart = sectionEnd(authority, authorityStart);
  const additional = readSection(message, additionalStart, uint16At(message, 10));
  if (additional === undefined) return undefined;
  return { answer, authority, additional, end: sectionEnd(additional, additionalStart) };
}

import { byteAt } from '../base/bytes.ts';
import { SnapshotRefused } from '../base/errors.ts';
import { flagResponse, headerLength } from '../dns/message.ts';
import { packExtras, unpackExtras } from '../dns/packed-answer.ts';
import { decodeKey, isKey, readQuestion } from '../dns/question.ts';
import { readRecords } from '../dns/records.ts';
import * as layout from './entry-layout.ts';
import type { StoredEntry } from './stored-entry.ts';

/**
 * A snapshot, in network order:
 *
 *     head     8  the letters HEIMDALL
 *              4  format version
 *              8  f64, Unix time in milliseconds at which it was written
 *     entries 20  u16 key, u16 answer, u16 extras: lengths; u16 flags (2 bits kind, 4: AD);
 *                 f64 Unix time in milliseconds at which the TTLs were right; u32 lifetime from
 *                 then on in seconds; followed by key, answer, and extended errors and scope as EDNS options
 *     tail     4  zero (no key is empty), 32 SHA-256 of all before it
 */
export const snapshotVersion = 1;
const magic = Buffer.from('HEIMDALL', 'latin1');
export const snapshotHeadLength = 20;
const entryHeadLength = 20;
export const digestLength = 32;
/** In the place of an entry: the end. */
export const snapshotEnd = Buffer.alloc(4);
/** Clocks are set back by a little now and then; a snapshot from further in the future is refused. */
const clockSlackMs = 60_000;

/** An entry as a snapshot has it. */
export interface SnapshotEntry {
  readonly key: Buffer;
  readonly answer: StoredEntry['answer'];
  /** Unix time in milliseconds. */
  readonly ttlsRightAtWallMs: number;
}

export function encodeSnapshotHead(wallMs: number): Buffer {
  const head = Buffer.alloc(snapshotHeadLength);
  magic.copy(head);
  head.writeUInt32BE(snapshotVersion, 8);
  head.writeDoubleBE(wallMs, 12);
  return head;
}

/** @param wallOffsetMs what to add to the monotonic clock to get Unix time */
export function encodeSnapshotEntry(entry: StoredEntry, wallOffsetMs: number): Buffer {
  const { key, answer, ttlsRightAtMs, expiresAtMs } = entry;
  const extras = packExtras(answer);
  const head = Buffer.alloc(entryHeadLength);
  head.writeUInt16BE(key.length, 0);
  head.writeUInt16BE(answer.wire.length, 2);
  head.writeUInt16BE(extras.length, 4);
  const authentic = answer.authenticData ? layout.flagAuthenticData : 0;
  head.writeUInt16BE(layout.answerKinds.indexOf(answer.kind) | authentic, 6);
  head.writeDoubleBE(ttlsRightAtMs + wallOffsetMs, 8);
  head.writeUInt32BE(Math.max(0, Math.round((expiresAtMs - ttlsRightAtMs) / 1000)), 16);
  return Buffer.concat([head, key, answer.wire, extras]);
}

/**
 * Checks that the head is one of ours, of this version, and not from the future.
 * @throws {SnapshotRefused}
 */
export function checkSnapshotHead(file: Buffer, nowWallMs: number): void {
  if (file.length < snapshotHeadLength || !file.subarray(0, magic.length).equals(magic)) {
    throw new SnapshotRefused('it is no snapshot of Heimdall');
  }
  const version = file.readUInt32BE(8);
  if (version !== snapshotVersion) {
    throw new SnapshotRefused(
      `it has version ${String(version)}, this Heimdall reads ${String(snapshotVersion)}`,
    );
  }
  const writtenWallMs = file.readDoubleBE(12);
  if (!(writtenWallMs <= nowWallMs + clockSlackMs)) {
    throw new SnapshotRefused('it was written in the future: the clock of this machine is wrong');
  }
}

/**
 * The entries of a file whose head and digest were checked.
 * @throws {SnapshotRefused} when an entry overruns the file or is malformed all the same
 */
export function* decodeSnapshotEntries(file: Buffer): Generator<SnapshotEntry> {
  const end = file.length - digestLength - snapshotEnd.length;
  for (let at = snapshotHeadLength; at < end;) {
    if (at + entryHeadLength > end) throw new SnapshotRefused('its last entry is cut off');
    const keyStart = at + entryHeadLength;
    const answerStart = keyStart + file.readUInt16BE(at);
    const extrasStart = answerStart + file.readUInt16BE(at + 2);
    const next = extrasStart + file.readUInt16BE(at + 4);
    if (next > end) throw new SnapshotRefused('an entry overruns it');
    const extras = unpackExtras(file.subarray(extrasStart, next));
    const key = file.subarray(keyStart, answerStart);
    const wire = file.subarray(answerStart, extrasStart);
    const ttlsRightAtWallMs = file.readDoubleBE(at + 8);
    const isWhole = extras !== undefined && Number.isFinite(ttlsRightAtWallMs);
    if (!isWhole || !isKey(key) || !isAnswer(wire, key)) {
      throw new SnapshotRefused('an entry is malformed');
    }
    const flags = file.readUInt16BE(at + 6);
    yield {
      key: Buffer.from(key),
      answer: {
        kind: layout.answerKinds[flags & layout.kindMask] ?? 'positive',
        wire: Buffer.from(wire),
        ttlSeconds: file.readUInt32BE(at + 16),
        authenticData: (flags & layout.flagAuthenticData) !== 0,
        ...extras,
      },
      ttlsRightAtWallMs,
    };
    at = next;
  }
}

/**
 * The digest says that the octets are ours; this, that they are what the hot path relies on: a
 * response to the question of the key, with nothing behind its authority section.
 */
function isAnswer(wire: Buffer, key: Buffer): boolean {
  const records = readRecords(wire);
  if (records?.end !== wire.length || records.additional.length > 0) return false;
  const name = readQuestion(wire, headerLength)?.question.name;
  const isOfKey = name?.equals(decodeKey(key).question.name) === true;
  return isOfKey && (byteAt(wire, 2) & flagResponse) !== 0;
}

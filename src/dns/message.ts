import { byteAt, putUint16, putUint32, uint16At, uint32At } from '../base/bytes.ts';
import { nameEnd } from './name.ts';

/**
 * Layout of a message (RFC 1035 section 4.1.1): id 0-1, flags 2-3, counts of the four sections
 * 4-11, then the question at 12.
 */
export const headerLength = 12;
/** A message over TCP, and so any message, has at most 65,535 octets. */
export const messageLengthMax = 65_535;
/** Type, class, TTL and RDLENGTH behind the owner of a record. */
export const recordFixedLength = 10;

/** Bits of octet 2. */
export const flagResponse = 0x80;
export const opcodeMask = 0x78;
export const flagAuthoritative = 0x04;
export const flagTruncated = 0x02;
export const flagRecursionDesired = 0x01;
/** Bits of octet 3. */
export const flagRecursionAvailable = 0x80;
export const flagAuthenticData = 0x20;
export const flagCheckingDisabled = 0x10;

/** The TTL of RFC 2181 has 31 bits. A set high bit counts as a very large value (RFC 8767 section 4). */
export const ttlMax = 0x7fff_ffff;

/** A TTL as received, a set high bit read as a large value and capped (RFC 8767 section 4). */
export function readTtl(message: Uint8Array, offset: number): number {
  const ttl = uint32At(message, offset);
  return ttl > ttlMax ? ttlMax : ttl;
}

/** Number of records in answer, authority and additional section together. */
export function recordCount(message: Uint8Array): number {
  return uint16At(message, 6) + uint16At(message, 8) + uint16At(message, 10);
}

/** Where the question section of a message with one question ends, -1 when it is malformed. */
export function questionEnd(message: Uint8Array, end: number): number {
  if (end < headerLength || uint16At(message, 4) !== 1) return -1;
  const at = nameEnd(message, headerLength, end);
  return at < 0 || at + 4 > end ? -1 : at + 4;
}

/**
 * Calls `visit` with the offset of the type field of every record of a well-formed message, as a
 * cache entry is. Nothing is checked: for messages that `sanitizeResponse` wrote.
 */
export function eachRecord(message: Uint8Array, visit: (typeOffset: number) => void): void {
  let at = questionEnd(message, message.length);
  for (let left = recordCount(message); left > 0; left--) {
    at = nameEnd(message, at, message.length);
    visit(at);
    at += recordFixedLength + uint16At(message, at + 8);
  }
}

/**
 * Counts every TTL of the well-formed message at `start` down by `elapsedSeconds`, not below 0.
 * On the hot path: no callback, no allocation.
 */
export function ageTtls(
  bytes: Uint8Array,
  start: number,
  end: number,
  elapsedSeconds: number,
): void {
  let left = uint16At(bytes, start + 6) + uint16At(bytes, start + 8);
  let at = nameEnd(bytes, start + headerLength, end) + 4;
  for (; left > 0; left--) {
    at = nameEnd(bytes, at, end);
    const ttl = uint32At(bytes, at + 4);
    putUint32(bytes, at + 4, ttl > elapsedSeconds ? ttl - elapsedSeconds : 0);
    at += recordFixedLength + uint16At(bytes, at + 8);
  }
}

/** Sets every TTL of a well-formed message, as a stale answer needs it (RFC 8767 section 4). */
export function setTtls(message: Uint8Array, ttlSeconds: number): void {
  eachRecord(message, (typeOffset) => putUint32(message, typeOffset + 4, ttlSeconds));
}

/** The response code in the header, without the upper bits that an OPT record may add. */
export function headerResponseCode(message: Uint8Array): number {
  return byteAt(message, 3) & 0x0f;
}

/** Sets id, and the response code of the header. */
export function putHeaderResponseCode(message: Uint8Array, code: number): void {
  message[3] = (byteAt(message, 3) & 0xf0) | (code & 0x0f);
}

/** Sets the counts of answer, authority and additional section. */
export function putCounts(
  message: Uint8Array,
  answers: number,
  authority: number,
  additional: number,
): void {
  putUint16(message, 6, answers);
  putUint16(message, 8, authority);
  putUint16(message, 10, additional);
}

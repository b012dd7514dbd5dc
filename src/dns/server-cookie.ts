import { isMappedIPv4 } from '../base/address-bytes.ts';
import { byteAt, putUint32, uint32At } from '../base/bytes.ts';
import { sipHash24 } from '../base/sip-hash.ts';

/*
 * The option COOKIE (RFC 7873) with the server cookie that all who share a secret read alike
 * (RFC 9018 section 4):
 *
 *      0   client cookie, 8 octets
 *      8   version, 1
 *      9   reserved, 3 octets
 *     12   seconds since 1970 (u32)
 *     16   SipHash-2-4 of all before it and of the client's address, 8 octets
 */

/** Octets of a client cookie (RFC 7873 section 4). */
export const clientCookieLength = 8;
/** Octets of the whole option with a server cookie of ours. */
export const cookieLength = 24;
/** Octets of a secret (RFC 9018 section 4.4). */
export const cookieSecretLength = 16;

const versionAt = 8;
const timestampAt = 12;
const hashAt = 16;
const hashLength = 8;
const version1 = 1;
const serverCookieLengthMin = 8;
const serverCookieLengthMax = 32;
/** RFC 9018 section 4.3: no older, and no further in the future than clocks differ. */
const ageSecondsMax = 3600;
const futureSecondsMax = 300;
/** The same section: from half of that time on a new one is given. */
const renewedAfterSeconds = ageSecondsMax / 2;

/** What the cookie of a query says of its sender. */
export const cookieState = {
  /** A server cookie of ours: the address is no forgery. */
  valid: 0,
  /** The same, to be renewed soon. */
  ageing: 1,
  /** A client cookie alone: the sender asks for a server cookie. */
  clientOnly: 2,
  /** A server cookie that is too old, of another server, or made up. */
  invalid: 3,
} as const;

export type CookieState = (typeof cookieState)[keyof typeof cookieState];

/** Whether a COOKIE option may have so many octets (RFC 7873 section 5.2.2). */
export function isCookieLength(length: number): boolean {
  const ofServer = length - clientCookieLength;
  return ofServer === 0 || (ofServer >= serverCookieLengthMin && ofServer <= serverCookieLengthMax);
}

/** What is hashed: the option without its hash, and the address. */
const hashed = new Uint8Array(hashAt + 16);
const hash = new Uint8Array(hashLength);

/** An address of 4 or 16 octets somewhere in memory; one in IPv6 form counts as the IPv4 address. */
export interface ClientOctets {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly length: number;
}

/**
 * Judges the COOKIE option whose data is `bytes[at, at + length)`, of a length that it may have.
 * @param keys secrets that are accepted
 */
// oxlint-disable-next-line max-params -- hot path: an object for the arguments is garbage per query
export function judgeCookie(
  keys: readonly Int32Array[],
  bytes: Uint8Array,
  at: number,
  length: number,
  client: ClientOctets,
  nowSeconds: number,
): CookieState {
  if (length === clientCookieLength) return cookieState.clientOnly;
  if (length !== cookieLength || byteAt(bytes, at + versionAt) !== version1) {
    return cookieState.invalid;
  }
  const ageSeconds = (nowSeconds - uint32At(bytes, at + timestampAt)) | 0; // RFC 1982: it may wrap
  if (ageSeconds > ageSecondsMax || ageSeconds < -futureSecondsMax) return cookieState.invalid;
  const hashedLength = fillHashed(bytes, at, client);
  for (const key of keys) {
    sipHash24(key, hashed, hashedLength, hash, 0);
    if (!isSameHash(bytes, at + hashAt)) continue;
    return ageSeconds > renewedAfterSeconds ? cookieState.ageing : cookieState.valid;
  }
  return cookieState.invalid;
}

/** Writes a server cookie of now behind the client cookie that stands at `bytes[at]`. */
// oxlint-disable-next-line max-params -- as above
export function signCookie(
  key: Int32Array,
  bytes: Uint8Array,
  at: number,
  client: ClientOctets,
  nowSeconds: number,
): void {
  putUint32(bytes, at + versionAt, version1 * 0x100_0000);
  putUint32(bytes, at + timestampAt, nowSeconds);
  sipHash24(key, hashed, fillHashed(bytes, at, client), bytes, at + hashAt);
}

/** @returns how many octets are to be hashed */
function fillHashed(bytes: Uint8Array, at: number, client: ClientOctets): number {
  const isMapped = client.length === 16 && isMappedIPv4(client.bytes, client.at);
  const addressAt = isMapped ? client.at + 12 : client.at;
  const addressLength = isMapped ? 4 : client.length;
  for (let index = 0; index < hashAt; index++) hashed[index] = byteAt(bytes, at + index);
  for (let index = 0; index < addressLength; index++) {
    hashed[hashAt + index] = byteAt(client.bytes, addressAt + index);
  }
  return hashAt + addressLength;
}

/** In the same time whether they are alike or not. */
function isSameHash(bytes: Uint8Array, at: number): boolean {
  let difference = 0;
  for (let index = 0; index < hashLength; index++) {
    difference |= byteAt(bytes, at + index) ^ byteAt(hash, index);
  }
  return difference === 0;
}

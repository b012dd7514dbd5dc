import { byteAt, lowerCase, putUint16, uint16At } from '../base/bytes.ts';
import { subnetOctets } from './client-subnet.ts';
import type { ClientSubnet } from './client-subnet.ts';
import { recordTypeName } from './codes.ts';
import { formatName, lowerName, nameLengthMax } from './name.ts';

/** A question of class IN. `name` is in wire form and lower case. */
export interface Question {
  readonly name: Buffer;
  readonly type: number;
}

declare const keyBrand: unique symbol;
/**
 * What makes two questions equal, octet by octet as a latin1 string: name in wire form and lower
 * case; for a question on behalf of a subnet its address, as many octets as the prefix needs, the
 * length of the prefix and the family; then type (2), and one octet of flags: 1 DO, 2 CD, 4 subnet.
 * The transport of the client is not part of it: an answer is always fetched whole (a truncated one
 * over TCP), so it is the same for all.
 */
export type QuestionKey = string & { readonly [keyBrand]: true };

export const keyFlagDnssecOk = 1;
export const keyFlagCheckingDisabled = 2;
const keyFlagClientSubnet = 4;
const keyFlagsMask = keyFlagDnssecOk | keyFlagCheckingDisabled | keyFlagClientSubnet;
/** Octets at the end of every key: type and flags. */
export const keySuffixLength = 3;
/** Octets of a subnet in front of them, behind its address. */
const subnetHeadLength = 2;
/** Longest key in octets, with an IPv6 address in it. */
export const keyLengthMax = nameLengthMax + 16 + subnetHeadLength + keySuffixLength;
/**
 * The type under which an NXDOMAIN is kept: it holds for every type of its name (RFC 2308
 * section 5). Type 0 is reserved and never asked for.
 */
export const typeOfNxdomain = 0;

/** What a key says beside name and type. */
export interface KeyFlags {
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** Whom the answer is for, where upstreams are told of it (RFC 7871). */
  readonly clientSubnet?: ClientSubnet;
}

/** The key of a question as octets. */
export function encodeKey({ name, type }: Question, flags: KeyFlags): Buffer {
  const { dnssecOk, checkingDisabled, clientSubnet } = flags;
  const subnetLength = clientSubnet ? clientSubnet.address.length + subnetHeadLength : 0;
  const suffixAt = name.length + subnetLength;
  const key = Buffer.allocUnsafe(suffixAt + keySuffixLength);
  name.copy(key);
  if (clientSubnet !== undefined) {
    clientSubnet.address.copy(key, name.length);
    key[suffixAt - 2] = clientSubnet.sourceBits;
    key[suffixAt - 1] = clientSubnet.family;
  }
  putUint16(key, suffixAt, type);
  key[suffixAt + 2] =
    (dnssecOk ? keyFlagDnssecOk : 0) |
    (checkingDisabled ? keyFlagCheckingDisabled : 0) |
    (clientSubnet === undefined ? 0 : keyFlagClientSubnet);
  return key;
}

/** The key of a question for a Map. */
export function keyText(key: Buffer): QuestionKey {
  return key.toString('latin1') as QuestionKey;
}

/** What a key stands for. Name and subnet are views of the key's octets. */
export function decodeKey(key: Buffer): { readonly question: Question; readonly flags: KeyFlags } {
  const suffixAt = key.length - keySuffixLength;
  const octet = byteAt(key, suffixAt + 2);
  const dnssecOk = (octet & keyFlagDnssecOk) !== 0;
  const checkingDisabled = (octet & keyFlagCheckingDisabled) !== 0;
  const type = uint16At(key, suffixAt);
  const nameLength = keyNameLength(key);
  const question = { name: key.subarray(0, nameLength), type };
  if (nameLength === suffixAt) return { question, flags: { dnssecOk, checkingDisabled } };
  const clientSubnet = {
    family: byteAt(key, suffixAt - 1),
    sourceBits: byteAt(key, suffixAt - 2),
    address: key.subarray(nameLength, suffixAt - subnetHeadLength),
  };
  return { question, flags: { dnssecOk, checkingDisabled, clientSubnet } };
}

function keyNameLength(key: Buffer): number {
  const suffixAt = key.length - keySuffixLength;
  if ((byteAt(key, suffixAt + 2) & keyFlagClientSubnet) === 0) return suffixAt;
  return suffixAt - subnetHeadLength - subnetOctets(byteAt(key, suffixAt - 2));
}

/** Whether octets are a key: a name in wire form that ends where the rest begins. */
export function isKey(octets: Buffer): boolean {
  if (octets.length <= keySuffixLength || octets.length > keyLengthMax) return false;
  if ((byteAt(octets, octets.length - 1) & ~keyFlagsMask) !== 0) return false;
  const nameLength = keyNameLength(octets);
  if (nameLength < 1 || nameLength > nameLengthMax) return false;
  let at = 0;
  while (at < nameLength - 1) {
    const length = byteAt(octets, at);
    if (length === 0 || length > 63) return false;
    at += length + 1;
  }
  return at === nameLength - 1 && byteAt(octets, at) === 0;
}

/** The key of the same question on behalf of nobody; undefined for one that is so already. */
export function keyWithoutSubnet(key: Buffer): Buffer | undefined {
  if (keyNameLength(key) === key.length - keySuffixLength) return undefined;
  const { question, flags } = decodeKey(key);
  const { dnssecOk, checkingDisabled } = flags;
  return encodeKey(question, { dnssecOk, checkingDisabled });
}

/** A question as it stands in a message. */
export interface QuestionRead {
  readonly question: Question;
  /** Where its class ends. */
  readonly end: number;
}

/**
 * Reads the question at `offset` of a message, whose name must not be compressed.
 * @returns undefined if it is malformed
 */
export function readQuestion(message: Buffer, offset: number): QuestionRead | undefined {
  let at = offset;
  while (at < message.length && byteAt(message, at) !== 0) {
    if (byteAt(message, at) > 63) return undefined;
    at += byteAt(message, at) + 1;
  }
  at++;
  if (at - offset > nameLengthMax || at + 4 > message.length) return undefined;
  const name = lowerName(message.subarray(offset, at));
  return { question: { name, type: uint16At(message, at) }, end: at + 4 };
}

/** Whether the question at 12 of a message is octet for octet the one given, case included. */
export function echoesQuestion(message: Uint8Array, asked: Uint8Array): boolean {
  for (let i = 0; i < asked.length; i++) {
    if (byteAt(message, 12 + i) !== byteAt(asked, i)) return false;
  }
  return true;
}

/** As {@link echoesQuestion}, whatever the case of the letters. */
export function echoesQuestionFolded(message: Uint8Array, asked: Uint8Array): boolean {
  const nameLength = asked.length - 4;
  for (let i = 0; i < nameLength; i++) {
    if (lowerCase(byteAt(message, 12 + i)) !== lowerCase(byteAt(asked, i))) return false;
  }
  return echoesQuestion(message.subarray(nameLength), asked.subarray(nameLength));
}

/** A question in text: `www.example.com./AAAA`. */
export function formatQuestion(question: Question): string {
  return `${formatName(question.name)}/${recordTypeName(question.type)}`;
}

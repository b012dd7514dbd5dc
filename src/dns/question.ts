import { byteAt, lowerCase, putUint16, uint16At } from '../base/bytes.ts';
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
 * case, type (2), and one octet of flags: 1 DO, 2 CD. The transport of the client is not part of
 * it: an answer is always fetched whole (a truncated one over TCP), so it is the same for all.
 */
export type QuestionKey = string & { readonly [keyBrand]: true };

export const keyFlagDnssecOk = 1;
export const keyFlagCheckingDisabled = 2;
/** Octets of a key behind the name: type and flags. */
export const keySuffixLength = 3;
/** Longest key in octets. */
export const keyLengthMax = nameLengthMax + keySuffixLength;
/**
 * The type under which an NXDOMAIN is kept: it holds for every type of its name (RFC 2308
 * section 5). Type 0 is reserved and never asked for.
 */
export const typeOfNxdomain = 0;

/** The flags of a key. */
export interface KeyFlags {
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
}

/** The flags octet of a key. */
export function keyFlagsOctet(flags: KeyFlags): number {
  return (
    (flags.dnssecOk ? keyFlagDnssecOk : 0) | (flags.checkingDisabled ? keyFlagCheckingDisabled : 0)
  );
}

/** The key of a question as octets. */
export function encodeKey(question: Question, flags: KeyFlags): Buffer {
  const key = Buffer.allocUnsafe(question.name.length + keySuffixLength);
  question.name.copy(key);
  putUint16(key, question.name.length, question.type);
  key[question.name.length + 2] = keyFlagsOctet(flags);
  return key;
}

/** The key of a question for a Map. */
export function keyText(key: Buffer): QuestionKey {
  return key.toString('latin1') as QuestionKey;
}

/** What a key stands for. The name is a view of the key's octets. */
export function decodeKey(key: Buffer): { readonly question: Question; readonly flags: KeyFlags } {
  const nameLength = key.length - keySuffixLength;
  const octet = byteAt(key, nameLength + 2);
  return {
    question: { name: key.subarray(0, nameLength), type: uint16At(key, nameLength) },
    flags: {
      dnssecOk: (octet & keyFlagDnssecOk) !== 0,
      checkingDisabled: (octet & keyFlagCheckingDisabled) !== 0,
    },
  };
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

import { byteAt } from '../base/bytes.ts';
import type { Answer, AnswerKind } from './answer.ts';
import { clientSubnetOption } from './client-subnet.ts';
import { ednsOption } from './codes.ts';
import { encodeOptions, extendedErrorOption, extendedErrorsOf, readOptions } from './edns.ts';
import type { ExtendedError } from './edns.ts';
import { flagResponse, headerLength } from './message.ts';
import { readRecords } from './records.ts';

/*
 * What every form has in common in which an answer leaves its process: its flags in one octet, what
 * goes with it as EDNS options, and the check that its octets are what the hot path relies on.
 */

/** Bits of {@link packedFlags} that hold the kind. */
const kindMask = 0x03;
const flagAuthenticData = 0x04;
/** The bits that a form may use for itself. */
export const freeFlagsMask = 0xf8;
/** In the order of their number. */
const kinds: readonly AnswerKind[] = ['positive', 'nodata', 'nxdomain'];

/** One octet: two bits kind, 4: AD. */
export function packedFlags({ kind, authenticData }: Answer): number {
  return kinds.indexOf(kind) | (authenticData ? flagAuthenticData : 0);
}

export function packErrors(errors: readonly ExtendedError[]): Buffer {
  return encodeOptions(errors.map(extendedErrorOption));
}

/** Undefined when the options overrun. */
export function unpackErrors(packed: Buffer): ExtendedError[] | undefined {
  const options = readOptions(packed);
  return options === undefined ? undefined : extendedErrorsOf(options);
}

/** What an answer says beside its octets. */
export type AnswerExtras = Pick<Answer, 'extendedErrors' | 'scopeBits'>;

/** Extended errors, and the scope in one octet under the code of the option that it belongs to. */
export function packExtras({ extendedErrors, scopeBits }: AnswerExtras): Buffer {
  const options = extendedErrors.map(extendedErrorOption);
  if (scopeBits !== undefined)
    options.push({ code: ednsOption.CLIENT_SUBNET, data: Buffer.from([scopeBits]) });
  return encodeOptions(options);
}

/** Undefined when the options overrun. */
export function unpackExtras(packed: Buffer): AnswerExtras | undefined {
  const options = readOptions(packed);
  if (options === undefined) return undefined;
  const extendedErrors = extendedErrorsOf(options);
  const scope = clientSubnetOption(options)?.data;
  return scope?.length === 1 ? { extendedErrors, scopeBits: byteAt(scope, 0) } : { extendedErrors };
}

/** The parts of an answer in octets. */
export interface PackedAnswer {
  readonly flags: number;
  readonly ttlSeconds: number;
  /** As {@link packExtras} makes them. */
  readonly extras: Buffer;
  /** Kept as it is: a copy of its own. */
  readonly wire: Buffer;
}

/** Undefined when it is none. */
export function unpackAnswer({
  flags,
  ttlSeconds,
  extras,
  wire,
}: PackedAnswer): Answer | undefined {
  const kind = kinds[flags & kindMask];
  const unpacked = unpackExtras(extras);
  if (kind === undefined || unpacked === undefined || !isAnswer(wire)) return undefined;
  const authenticData = (flags & flagAuthenticData) !== 0;
  return { kind, wire, ttlSeconds, authenticData, ...unpacked };
}

/** A response with one question and readable records up to its end: what the hot path relies on. */
function isAnswer(wire: Buffer): boolean {
  if (wire.length < headerLength || wire.readUInt8(2) !== flagResponse) return false;
  if (wire.readUInt16BE(10) !== 0) return false;
  return readRecords(wire)?.end === wire.length;
}

import { byteAt, uint16At } from '../base/bytes.ts';
import { recordType } from './codes.ts';
import { optFixedLength } from './edns.ts';
import { headerLength, questionEnd } from './message.ts';

/** An option where it stands in a message: its data. */
export interface OptionPlace {
  readonly at: number;
  readonly length: number;
}

/**
 * Finds the first option of a code without reading the whole message: in a query as clients send it,
 * with one question and then nothing but an OPT record. Undefined in any other message.
 */
export function findOption(message: Uint8Array, code: number): OptionPlace | undefined {
  const { length: end } = message;
  if (end < headerLength || uint16At(message, 10) !== 1) return undefined;
  const opt = questionEnd(message, end);
  const optionsAt = opt + optFixedLength;
  if (opt < 0 || optionsAt > end || byteAt(message, opt) !== 0) return undefined;
  if (uint16At(message, opt + 1) !== recordType.OPT) return undefined;
  if (optionsAt + uint16At(message, opt + 9) !== end) return undefined;
  for (let at = optionsAt; at + 4 <= end; at += 4 + uint16At(message, at + 2)) {
    const length = uint16At(message, at + 2);
    if (uint16At(message, at) === code && at + 4 + length <= end) return { at: at + 4, length };
  }
  return undefined;
}

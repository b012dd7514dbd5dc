import { putUint16 } from '../base/bytes.ts';
import { ednsOption } from './codes.ts';
import { optFixedLength } from './edns.ts';
import { messageLengthMax } from './message.ts';

/** The block that responses are filled up to (RFC 8467 section 4.1). */
const responsePaddingBlock = 468;
/** Code and length in front of the octets of an option (RFC 6891 section 6.1.2). */
const optionHeadLength = 4;

/** The octets of an option that fills a message of `length` octets to the next whole block. */
export function paddingFor(length: number, block = responsePaddingBlock): number {
  const filled = Math.ceil((length + optionHeadLength) / block) * block;
  return Math.min(filled, messageLengthMax) - length;
}

/** An OPT record with an option of `length` octets in all behind its others (RFC 7830 section 3). */
export function withPadding(opt: Buffer, length: number): Buffer {
  if (length < optionHeadLength) return opt;
  const filled = Buffer.alloc(opt.length + length);
  opt.copy(filled);
  putUint16(filled, optFixedLength - 2, opt.length - optFixedLength + length);
  putUint16(filled, opt.length, ednsOption.PADDING);
  putUint16(filled, opt.length + 2, length - optionHeadLength);
  return filled;
}

import { byteAt } from '../base/bytes.ts';

/**
 * The hash of cache keys: FNV-1a over the octets from a seed that is drawn at start; `spreadBits` is its
 * finisher, because the index takes its lowest bits. The seed makes crafted
 * collisions hard; `probesMax` of the index bounds what they could cost.
 */
const fnvPrime = 0x0100_0193;

/** Continues a hash over `bytes[from, to)`. */
export function hashOctets(bytes: Uint8Array, from: number, to: number, hash: number): number {
  let mixed = hash;
  for (let i = from; i < to; i++) mixed = Math.imul(mixed ^ byteAt(bytes, i), fnvPrime);
  return mixed;
}

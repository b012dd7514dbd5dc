import { byteAt } from '../base/bytes.ts';

/**
 * The hash of cache keys: FNV-1a over the octets from a seed that is drawn at start, with the
 * finisher of MurmurHash3, because the index takes its lowest bits. The seed makes crafted
 * collisions hard; `probesMax` of the index bounds what they could cost.
 */
const fnvPrime = 0x0100_0193;

/** Continues a hash over `bytes[from, to)`. */
export function hashOctets(bytes: Uint8Array, from: number, to: number, hash: number): number {
  let mixed = hash;
  for (let i = from; i < to; i++) mixed = Math.imul(mixed ^ byteAt(bytes, i), fnvPrime);
  return mixed;
}

/** Spreads what {@link hashOctets} gave over all 32 bits; never negative. */
export function finishHash(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

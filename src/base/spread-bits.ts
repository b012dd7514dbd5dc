/**
 * Spreads what a hash gathered over all 32 bits; never negative. The finisher of MurmurHash3 (in the
 * public domain): each bit of the input moves half of those of the output.
 */
export function spreadBits(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

import { createHmac, randomBytes } from 'node:crypto';

/** Octets of what secrets are made from: nobody guesses 256 bits. */
export const seedLength = 32;

/** A seed by chance. */
export function randomSeed(): Buffer {
  return randomBytes(seedLength);
}

/**
 * A secret of at most 32 octets for one use, made from a seed by HMAC-SHA256: the same for all who
 * have the seed, and it tells neither the seed nor the secret of another use.
 */
export function deriveSecret(seed: Buffer, use: string, length: number): Buffer {
  return createHmac('sha256', seed).update(use).digest().subarray(0, length);
}

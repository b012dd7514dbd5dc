import type { Disbelief, Seal } from './seal.ts';

/** Values of JSON in the grid are small; what is longer is not ours. */
const jsonBytesMax = 256 * 1024;

/** A value as sealed JSON, to lie at `place` (map and key). */
export function sealJson(seal: Seal, place: string, value: unknown): Buffer {
  return seal.seal(place, Buffer.from(JSON.stringify(value)));
}

/** The value, of whatever shape, or why it is not believed. Never throws. */
export function openJson(
  seal: Seal,
  place: string,
  sealed: Buffer,
): { readonly value: unknown } | Disbelief {
  if (sealed.length > jsonBytesMax) return 'malformed';
  const payload = seal.open(place, sealed);
  if (typeof payload === 'string') return payload;
  try {
    return { value: JSON.parse(payload.toString('utf8')) as unknown };
  } catch {
    return 'malformed';
  }
}

/** The value as an object whose properties can be looked at one by one. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

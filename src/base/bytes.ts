/**
 * Reads without the checks of `Buffer.read…`, for the places that have checked their bounds.
 * Past the end they give `undefined` to arithmetic, hence 0 or NaN: never memory of others.
 */

/** The byte at `index`; the caller has made sure that it is there. */
export function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] as number; // in bounds by contract, so never undefined
}

/** The 16-bit number in network order at `index`. */
export function uint16At(bytes: Uint8Array, index: number): number {
  return (byteAt(bytes, index) << 8) | byteAt(bytes, index + 1);
}

/** The unsigned 32-bit number in network order at `index`. */
export function uint32At(bytes: Uint8Array, index: number): number {
  return uint16At(bytes, index) * 0x1_0000 + uint16At(bytes, index + 2);
}

/** Writes a 16-bit number in network order at `index`. */
export function putUint16(bytes: Uint8Array, index: number, value: number): void {
  bytes[index] = value >>> 8;
  bytes[index + 1] = value;
}

/** Writes an unsigned 32-bit number in network order at `index`. */
export function putUint32(bytes: Uint8Array, index: number, value: number): void {
  putUint16(bytes, index, Math.floor(value / 0x1_0000));
  putUint16(bytes, index + 2, value);
}

/** The letter in lower case, any other byte as it is (RFC 4343: only A to Z fold). */
export function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

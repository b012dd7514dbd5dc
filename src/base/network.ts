import { addressLengthMax, writeAddress } from './address-bytes.ts';
import { MalformedAddress } from './errors.ts';

/** A range of addresses with a common prefix (RFC 4632, RFC 4291 section 2.3). */
export interface Network {
  /** 4 or 16 octets; those behind the prefix are 0. */
  readonly octets: Uint8Array;
  /** Bits that all its addresses share. */
  readonly prefixLength: number;
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32`, or an address for itself alone.
 * @throws {MalformedAddress} also where bits are set behind the prefix: most often a slip of the pen
 */
export function parseNetwork(text: string): Network {
  const [address = '', prefix, ...more] = text.split('/');
  const octets = new Uint8Array(addressLengthMax);
  const length = address.includes('%') ? 0 : writeAddress(address, octets);
  const prefixLength = prefix === undefined ? length * 8 : Number(prefix);
  const isPrefix = prefix === undefined || /^\d{1,3}$/.test(prefix);
  if (length === 0 || !isPrefix || prefixLength > length * 8 || more.length > 0) {
    throw new MalformedAddress(`"${text}" is no IP address or network such as 10.0.0.0/8`);
  }
  const network = { octets: octets.slice(0, length), prefixLength };
  if (hasHostBits(network)) {
    throw new MalformedAddress(`"${text}" has bits behind its prefix of ${String(prefixLength)}`);
  }
  return network;
}

/** The last address of a network. */
export function lastOctets({ octets, prefixLength }: Network): Uint8Array {
  return octets.map((octet, index) => octet | hostMask(prefixLength, index));
}

function hasHostBits({ octets, prefixLength }: Network): boolean {
  return octets.some((octet, index) => (octet & hostMask(prefixLength, index)) !== 0);
}

/** The bits of octet `index` that lie behind the prefix. */
function hostMask(prefixLength: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefixLength - index * 8));
  return 0xff >>> bits;
}

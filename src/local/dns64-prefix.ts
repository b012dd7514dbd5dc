import { byteAt } from '../base/bytes.ts';
import type { Network } from '../base/network.ts';
import { reverseName } from './reverse-name.ts';

/** Bits 64 to 71 stay 0 (RFC 6052 section 2.2). */
const reservedOctet = 8;
/** `x.` for each of 32 digits, `ip6` and `arpa` with their lengths, and the root. */
const reverseLength = 64 + 4 + 5 + 1;
const wellKnown = Buffer.from('0064ff9b0000000000000000', 'hex');

/** Where the four octets of an IPv4 address stand behind a prefix (RFC 6052 section 2.2). */
export class Dns64Prefix {
  readonly isWellKnown: boolean;
  readonly #octets: Uint8Array;
  readonly #length: number;
  readonly #positions: readonly number[];

  /** @param prefix of 32, 40, 48, 56, 64 or 96 bits */
  constructor({ octets, prefixLength }: Network) {
    this.#octets = octets;
    this.#length = prefixLength / 8;
    this.isWellKnown = prefixLength === 96 && wellKnown.equals(octets.subarray(0, 12));
    const behind = Array.from({ length: 16 - this.#length }, (_, index) => this.#length + index);
    const isWhole = prefixLength === 96;
    this.#positions = behind.filter((at) => isWhole || at !== reservedOctet).slice(0, 4);
  }

  embed(four: Uint8Array): Buffer {
    const address = Buffer.from(this.#octets);
    this.#positions.forEach((at, index) => {
      address[at] = byteAt(four, index);
    });
    return address;
  }

  /** The reverse name of the IPv4 address in an `ip6.arpa` name; undefined for other names. */
  fromReverse(name: Buffer): Buffer | undefined {
    if (
      name.length !== reverseLength ||
      name.toString('latin1', 64) !== '\u0003ip6\u0004arpa\u0000'
    ) {
      return undefined;
    }
    const digits = Array.from({ length: 32 }, (_, index) =>
      name.toString('latin1', 63 - 2 * index, 64 - 2 * index),
    );
    const address = Buffer.from(digits.join(''), 'hex');
    const isInPrefix = address
      .subarray(0, this.#length)
      .equals(this.#octets.subarray(0, this.#length));
    if (address.length !== 16 || !isInPrefix) return undefined;
    return reverseName(Buffer.from(this.#positions.map((at) => byteAt(address, at))));
  }
}

import { MalformedAddress } from './errors.ts';

/** What a DNS stamp says of a server (https://dnscrypt.info/stamps-specifications). */
export interface ServerStamp {
  readonly protocol: 'udp' | 'tls' | 'https';
  /** IP address with or without port, or a port behind a colon, or nothing. */
  readonly address: string;
  /** Host name with or without port; empty for `udp`. */
  readonly hostName: string;
  /** Of `https` alone. */
  readonly path: string;
  /** SHA-256, in lower-case hex, of the signed part of a certificate; one has to be in the chain. */
  readonly certificateHashes: readonly string[];
  /** Addresses of resolvers that know the host name. */
  readonly bootstrap: readonly string[];
}

export const stampScheme = 'sdns://';

const protocols = new Map([
  [0x00, 'udp'],
  [0x02, 'https'],
  [0x03, 'tls'],
] as const);
/** What else there is, so that a message can name it. */
const otherProtocols = new Map([
  [0x01, 'DNSCrypt'],
  [0x04, 'DNS over QUIC'],
  [0x05, 'Oblivious DoH'],
  [0x81, 'a DNSCrypt relay'],
  [0x85, 'an Oblivious DoH relay'],
]);

/** The protocol and eight octets of properties: DNSSEC, no logs, no filter. They are promises only. */
const headLength = 9;
/** On the length of a list's item: another one follows. */
const moreFollows = 0x80;
/** More than any stamp has. */
const itemsMax = 32;
const hashBytes = 32;

/** Takes length-prefixed parts off a stamp. */
class StampReader {
  readonly #bytes: Buffer;
  #at = headLength;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  text(): string {
    return this.#take(this.#octet()).toString('utf8');
  }

  /** Items that each have a length; the last one has no {@link moreFollows}. */
  list(): Buffer[] {
    const items: Buffer[] = [];
    for (;;) {
      const head = this.#octet();
      const item = this.#take(head & ~moreFollows);
      if (item.length > 0) items.push(item);
      if ((head & moreFollows) === 0) return items;
      if (items.length > itemsMax) throw new MalformedAddress('a DNS stamp has too many items');
    }
  }

  #octet(): number {
    const octet = this.#bytes[this.#at++];
    if (octet === undefined) throw new MalformedAddress('a DNS stamp ends too early');
    return octet;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MalformedAddress('a DNS stamp ends too early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/**
 * Reads `sdns://…`: the protocol, eight octets of properties, then parts with their lengths, all in
 * base64url.
 * @throws {MalformedAddress}
 */
export function parseStamp(text: string): ServerStamp {
  const encoded = text.slice(stampScheme.length);
  if (!text.startsWith(stampScheme) || !/^[A-Za-z0-9_-]+$/.test(encoded)) {
    throw new MalformedAddress(`"${text}" is no DNS stamp`);
  }
  const bytes = Buffer.from(encoded, 'base64url');
  const protocol = protocolOf(bytes);
  if (bytes.length < headLength) throw new MalformedAddress('a DNS stamp ends too early');
  const reader = new StampReader(bytes);
  const address = reader.text();
  const stamp =
    protocol === 'udp'
      ? { hostName: '', path: '', certificateHashes: [], bootstrap: [] }
      : readEncrypted(reader, protocol);
  if (!reader.isAtEnd) throw new MalformedAddress('a DNS stamp goes on behind its end');
  return { protocol, address, ...stamp };
}

function protocolOf(bytes: Buffer): ServerStamp['protocol'] {
  const number = bytes[0] ?? -1;
  const protocol = [...protocols].find(([known]) => known === number)?.[1];
  if (protocol !== undefined) return protocol;
  const what = otherProtocols.get(number) ?? `protocol ${String(number)}`;
  throw new MalformedAddress(`a DNS stamp of ${what}; plain DNS, DoT and DoH can be used`);
}

function readEncrypted(
  reader: StampReader,
  protocol: 'tls' | 'https',
): Omit<ServerStamp, 'protocol' | 'address'> {
  const certificateHashes = reader.list().map((hash) => {
    if (hash.length !== hashBytes) throw new MalformedAddress('a DNS stamp has a wrong hash');
    return hash.toString('hex');
  });
  const hostName = reader.text();
  const path = protocol === 'https' ? reader.text() : '';
  const bootstrap = reader.isAtEnd ? [] : reader.list().map((item) => item.toString('utf8'));
  return { hostName, path, certificateHashes, bootstrap };
}

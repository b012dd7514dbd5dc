/** What a stamp of an encrypted server is made of. */
export interface StampParts {
  readonly address: string;
  readonly hashes: readonly Buffer[];
  readonly hostName: string;
  readonly path?: string;
  readonly bootstrap?: readonly string[];
}

const protocols = { https: 2, tls: 3 };

function prefixed(text: string | Buffer): Buffer {
  const octets = Buffer.from(text);
  return Buffer.concat([Buffer.from([octets.length]), octets]);
}

function list(items: readonly (string | Buffer)[]): Buffer {
  const filled = items.length === 0 ? [''] : items;
  const parts = filled.map((item, index) => {
    const part = prefixed(item);
    if (index < filled.length - 1) part.writeUInt8(part.readUInt8(0) | 0x80, 0);
    return part;
  });
  return Buffer.concat(parts);
}

/** A DNS stamp (https://dnscrypt.info/stamps-specifications). */
export function encodeStamp(protocol: 'tls' | 'https', parts: StampParts): string {
  const octets = Buffer.concat([
    Buffer.from([protocols[protocol]]),
    Buffer.alloc(8),
    prefixed(parts.address),
    list(parts.hashes),
    prefixed(parts.hostName),
    ...(protocol === 'https' ? [prefixed(parts.path ?? '')] : []),
    ...(parts.bootstrap === undefined ? [] : [list(parts.bootstrap)]),
  ]);
  return `sdns://${octets.toString('base64url')}`;
}

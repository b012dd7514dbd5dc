import { addressLengthMax, writeAddress } from '../../src/base/address-bytes.ts';

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

/** What a load balancer sends first on a connection of this client (PROXY protocol, version 2). */
export function proxyHeader(client: string): Buffer {
  const octets = Buffer.alloc(addressLengthMax);
  const length = writeAddress(client, octets);
  const family = length === 4 ? 0x11 : 0x21;
  const rest = Buffer.concat([octets.subarray(0, length), Buffer.alloc(length), Buffer.alloc(4)]);
  return Buffer.concat([signature, Buffer.from([0x21, family, 0, rest.length]), rest]);
}

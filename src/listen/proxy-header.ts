import { formatAddressOctets } from '../base/address-text.ts';
import type { SocketAddress } from '../base/address.ts';
import { byteAt, uint16At } from '../base/bytes.ts';

/*
 * The header of the PROXY protocol, version 2, that a load balancer sends before all else:
 *
 *      0   signature, 12 octets
 *     12   version 2 (upper half), command: 0 LOCAL, 1 PROXY
 *     13   family: 1 IPv4, 2 IPv6, 3 Unix (upper half), transport (lower half)
 *     14   octets that follow
 *     16   addresses of source and destination, their ports, then more that is passed over
 */

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const commandAt = 12;
const familyAt = 13;
const lengthAt = 14;
const addressesAt = 16;
const commandLocal = 0x20;
const commandProxy = 0x21;
const familyIPv4 = 1;
const familyIPv6 = 2;
/** What balancers add behind the addresses takes some hundred octets; more is not for us. */
const restLengthMax = 4096;

export type ProxyHeader =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed' }
  | {
      readonly kind: 'header';
      /** Octets that it takes. */
      readonly length: number;
      /** Undefined where the balancer speaks for itself, or names no IP address. */
      readonly client: SocketAddress | undefined;
    };

const incomplete: ProxyHeader = { kind: 'incomplete' };
const malformed: ProxyHeader = { kind: 'malformed' };

/** Reads the header at the beginning of what came by now. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const compared = Math.min(bytes.length, signature.length);
  if (bytes.compare(signature, 0, compared, 0, compared) !== 0) return malformed;
  if (bytes.length < addressesAt) return incomplete;
  const command = byteAt(bytes, commandAt);
  const rest = uint16At(bytes, lengthAt);
  if (command !== commandLocal && command !== commandProxy) return malformed;
  if (rest > restLengthMax) return malformed;
  const length = addressesAt + rest;
  if (bytes.length < length) return incomplete;
  if (command === commandLocal) return { kind: 'header', length, client: undefined };
  return readClient(bytes, length);
}

function readClient(bytes: Buffer, length: number): ProxyHeader {
  const family = byteAt(bytes, familyAt) >>> 4;
  if (family !== familyIPv4 && family !== familyIPv6) {
    return { kind: 'header', length, client: undefined };
  }
  const octets = family === familyIPv4 ? 4 : 16;
  const portAt = addressesAt + octets * 2;
  if (portAt + 4 > length) return malformed;
  const host = formatAddressOctets(bytes, addressesAt, octets);
  return { kind: 'header', length, client: { host, port: uint16At(bytes, portAt) } };
}

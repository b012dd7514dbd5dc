import { writeAddress } from '../base/address-bytes.ts';
import { formatAddressOctets } from '../base/address-text.ts';
import type { SocketAddress } from '../base/address.ts';
import { putUint16, uint16At } from '../base/bytes.ts';
import { MalformedAddress } from '../base/errors.ts';
import { addressFamily, socketName } from './kernel-layout.ts';

/** Octets of the longer of the two kinds of name, rounded up to whole words. */
export const nameBytesMax = 32;

/** The octets of the name of an IPv4 or of an IPv6 socket. */
export function nameLengthOf(family: number): number {
  return family === addressFamily.ipv4 ? socketName.ipv4Length : socketName.ipv6Length;
}

export function familyOf(host: string): number {
  return host.includes(':') ? addressFamily.ipv6 : addressFamily.ipv4;
}

/**
 * Writes the name (`struct sockaddr_in` or `sockaddr_in6`) of an address to `bytes` at `start`.
 * @param interfaceNumber of the zone in `fe80::1%eth0`; a zone that is a number needs none
 * @throws {MalformedAddress} for a host that is no address, and for a zone that is not there
 */
export function writeName(
  { host, port }: SocketAddress,
  bytes: Buffer,
  start: number,
  interfaceNumber: (zone: string) => number,
): void {
  const octets = new Uint8Array(16);
  const length = writeAddress(host, octets);
  if (length === 0) throw new MalformedAddress(`"${host}" is no IP address`);
  const family = familyOf(host);
  bytes.fill(0, start, start + nameBytesMax);
  bytes.writeUInt16LE(family, start + socketName.family);
  putUint16(bytes, start + socketName.port, port);
  if (family === addressFamily.ipv4) {
    bytes.set(octets.subarray(0, 4), start + socketName.ipv4Address);
    return;
  }
  bytes.set(octets, start + socketName.ipv6Address);
  const zone = host.split('%')[1];
  if (zone !== undefined) {
    bytes.writeUInt32LE(scopeOf(zone, interfaceNumber), start + socketName.ipv6Scope);
  }
}

/** The address of the name at `bytes[start]`, in text. */
export function readName(bytes: Buffer, start: number): SocketAddress {
  const port = uint16At(bytes, start + socketName.port);
  if (bytes.readUInt16LE(start + socketName.family) === addressFamily.ipv4) {
    return { host: formatAddressOctets(bytes, start + socketName.ipv4Address, 4), port };
  }
  const host = formatAddressOctets(bytes, start + socketName.ipv6Address, 16);
  const scope = bytes.readUInt32LE(start + socketName.ipv6Scope);
  return { host: scope === 0 ? host : `${host}%${String(scope)}`, port };
}

function scopeOf(zone: string, interfaceNumber: (zone: string) => number): number {
  const scope = /^\d{1,9}$/.test(zone) ? Number(zone) : interfaceNumber(zone);
  if (scope === 0) throw new MalformedAddress(`there is no interface "${zone}"`);
  return scope;
}

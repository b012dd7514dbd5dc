import { formatAddressOctets } from '../base/address-text.ts';
import { byteAt, putUint16, uint16At } from '../base/bytes.ts';
import { parseNetwork } from '../base/network.ts';
import { ednsOption, recordType } from './codes.ts';
import { readEdns } from './edns.ts';
import type { EdnsOption } from './edns.ts';
import { readRecords } from './records.ts';

/** Numbers of address families (RFC 7871 section 6). */
export const subnetFamily = { none: 0, IPv4: 1, IPv6: 2 } as const;

/** Bits of an address by the number of its family; `dig +subnet=0` says that it has none. */
const addressBits: readonly (number | undefined)[] = [0, 32, 128];
/** Octets in front of the address: family (2), source and scope prefix length. */
const headLength = 4;

/** The first bits of the address of whoever an answer is for. */
export interface ClientSubnet {
  /** A value of {@link subnetFamily}. */
  readonly family: number;
  /** 0: whoever asks does not want to be told of. */
  readonly sourceBits: number;
  /** As many octets as the bits need; those behind the bits are 0. */
  readonly address: Buffer;
}

/** The same as an answer has it: with the bits that decided the answer, or would have. */
export interface ScopedSubnet extends ClientSubnet {
  readonly scopeBits: number;
}

/** How many bits of an address of each family upstreams are told at most. */
export interface SubnetLimits {
  readonly ipv4Bits: number;
  readonly ipv6Bits: number;
}

/** The subnet of all clients of which nothing may be told. */
export const nobodysSubnet: ClientSubnet = {
  family: subnetFamily.IPv4,
  sourceBits: 0,
  address: Buffer.alloc(0),
};

/**
 * Reads the data of an option; undefined where it is malformed: an unknown family, too long a
 * prefix, too few or too many octets, or bits behind the prefix (RFC 7871 section 6).
 */
export function readClientSubnet(data: Buffer): ScopedSubnet | undefined {
  if (data.length < headLength) return undefined;
  const family = uint16At(data, 0);
  const sourceBits = byteAt(data, 2);
  const scopeBits = byteAt(data, 3);
  const bitsMax = addressBits[family] ?? -1;
  const address = data.subarray(headLength);
  if (sourceBits > bitsMax || scopeBits > bitsMax) return undefined;
  if (address.length !== subnetOctets(sourceBits)) return undefined;
  const isWithinPrefix = address.equals(prefixOf(address, sourceBits));
  return isWithinPrefix ? { family, sourceBits, scopeBits, address } : undefined;
}

/** Whether the data of an option is what a query may have: the scope is for answers. */
export function isClientSubnetValid(data: Buffer): boolean {
  return readClientSubnet(data)?.scopeBits === 0;
}

/** The client subnet among options, if there is one. */
export function clientSubnetOption(options: readonly EdnsOption[]): EdnsOption | undefined {
  return options.find(({ code }) => code === ednsOption.CLIENT_SUBNET);
}

/** The option as a query has it. */
export function encodeClientSubnet({ family, sourceBits, address }: ClientSubnet): EdnsOption {
  const data = Buffer.alloc(headLength + address.length);
  putUint16(data, 0, family);
  data[2] = sourceBits;
  address.copy(data, headLength);
  return { code: ednsOption.CLIENT_SUBNET, data };
}

/** The option as it came, with the scope of the answer in it (RFC 7871 section 7.2.2). */
export function withScope({ code, data }: EdnsOption, scopeBits: number): EdnsOption {
  const scoped = Buffer.from(data);
  scoped[3] = Math.min(scopeBits, addressBits[uint16At(data, 0)] ?? 0);
  return { code, data: scoped };
}

/** The same with no more bits than may be told. Without any bit left it is the same for all. */
export function shortenSubnet(subnet: ClientSubnet, limits: SubnetLimits): ClientSubnet {
  const { family, address } = subnet;
  const bitsMax = family === subnetFamily.IPv6 ? limits.ipv6Bits : limits.ipv4Bits;
  const sourceBits = Math.min(subnet.sourceBits, bitsMax);
  if (sourceBits === 0) return nobodysSubnet;
  return { family, sourceBits, address: prefixOf(address, sourceBits) };
}

/** The subnet as text: `198.51.100.0/24`. */
export function formatSubnet({ family, sourceBits, address }: ClientSubnet): string {
  const length = family === subnetFamily.IPv6 ? 16 : 4;
  const octets = Buffer.alloc(length);
  address.copy(octets);
  return `${formatAddressOctets(octets, 0, length)}/${String(sourceBits)}`;
}

/** Reads what {@link formatSubnet} writes. @throws {MalformedAddress} */
export function parseSubnet(text: string): ClientSubnet {
  const { octets, prefixLength: sourceBits } = parseNetwork(text);
  const family = octets.length === 4 ? subnetFamily.IPv4 : subnetFamily.IPv6;
  return { family, sourceBits, address: prefixOf(Buffer.from(octets), sourceBits) };
}

/** Octets that a prefix of so many bits takes. */
export function subnetOctets(sourceBits: number): number {
  return Math.ceil(sourceBits / 8);
}

function prefixOf(address: Buffer, bits: number): Buffer {
  const prefix = Buffer.from(address.subarray(0, subnetOctets(bits)));
  const last = prefix.length - 1;
  if (bits % 8 !== 0) prefix[last] = byteAt(prefix, last) & (0xff << (8 - (bits % 8)));
  return prefix;
}

/**
 * Whether a response says that it is for another subnet than was asked for, or says it in a way that
 * cannot be read: it must not be used at all (RFC 7871 section 7.3).
 */
export function isForOtherSubnet(response: Buffer, asked: ClientSubnet): boolean {
  const opt = readRecords(response)?.additional.find(({ type }) => type === recordType.OPT);
  const edns = opt === undefined ? undefined : readEdns(response, opt.typeOffset);
  const option = clientSubnetOption(edns?.options ?? []);
  if (option === undefined) return false;
  const told = readClientSubnet(option.data);
  if (told?.sourceBits !== asked.sourceBits) return true;
  // Where nothing was told of an address, it has no family that could differ.
  if (asked.sourceBits === 0) return false;
  return told.family !== asked.family || !told.address.equals(asked.address);
}

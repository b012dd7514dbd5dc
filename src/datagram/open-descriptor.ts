import { getSystemErrorName } from 'node:util';
import type { SocketAddress } from '../base/address.ts';
import { SystemCallFailed } from '../base/errors.ts';
import {
  addressFamily,
  datagramSocketType,
  pathMtuOmitted,
  socketOption,
} from './kernel-layout.ts';
import { familyOf, nameBytesMax, nameLengthOf, readName, writeName } from './socket-name.ts';
import type { SystemCalls } from './system-calls.ts';

export interface DatagramSocketOptions {
  readonly address: SocketAddress;
  /** An IPv6 socket leaves IPv4 to another one on the same port. */
  readonly ipv6Only: boolean;
  /** Other sockets with this option may share the port; the kernel spreads clients over them. */
  readonly reusePort: boolean;
  /** The kernel's buffers, as far as it grants them (`net.core.rmem_max`, `wmem_max`). */
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
  /** Ask which address each datagram came to, and answer from there: for a wildcard address. */
  readonly repliesFromAsked: boolean;
}

export interface OpenDescriptor {
  readonly descriptor: number;
  readonly family: number;
  /** With the port that the system chose where 0 was asked for. */
  readonly address: SocketAddress;
}

const lengthBytes = 4;

/**
 * A UDP socket that is bound.
 * @throws {SystemCallFailed} and leaves nothing open
 * @throws {MalformedAddress} for an address that is none
 */
export function openDescriptor(calls: SystemCalls, options: DatagramSocketOptions): OpenDescriptor {
  const scratch = new Scratch(calls);
  const family = familyOf(options.address.host);
  const nameLength = nameLengthOf(family);
  writeName(options.address, scratch.bytes, 0, (zone) => calls.interfaceNumber(zone));
  const descriptor = check(calls, 'socket', calls.socket(family, datagramSocketType));
  try {
    setOptions(calls, scratch, { descriptor, family, options });
    check(calls, 'bind', calls.bind(descriptor, scratch.address, nameLength));
    scratch.setInt(nameBytesMax, nameLength);
    const lengthAddress = scratch.address + nameBytesMax;
    check(calls, 'getsockname', calls.ownName(descriptor, scratch.address, lengthAddress));
    return { descriptor, family, address: readName(scratch.bytes, 0) };
  } catch (error) {
    calls.close(descriptor);
    throw error;
  }
}

/**
 * Binds a socket to one peer: it receives from nobody else, and learns of ICMP errors.
 * @throws {SystemCallFailed}
 */
export function connectDescriptor(calls: SystemCalls, descriptor: number, to: SocketAddress): void {
  const scratch = new Scratch(calls);
  writeName(to, scratch.bytes, 0, (zone) => calls.interfaceNumber(zone));
  const length = nameLengthOf(familyOf(to.host));
  check(calls, 'connect', calls.connect(descriptor, scratch.address, length));
}

interface Opening {
  readonly descriptor: number;
  readonly family: number;
  readonly options: DatagramSocketOptions;
}

function setOptions(calls: SystemCalls, scratch: Scratch, opening: Opening): void {
  const { descriptor, family, options } = opening;
  const trySet = ({ level, name }: { level: number; name: number }, value: number): number => {
    scratch.setInt(nameBytesMax, value);
    return calls.setOption(descriptor, level, name, scratch.address + nameBytesMax);
  };
  const set = (option: { level: number; name: number }, value: number): void => {
    check(calls, 'setsockopt', trySet(option, value));
  };
  const isIPv6 = family === addressFamily.ipv6;
  set(socketOption.receiveBuffer, options.receiveBufferBytes);
  set(socketOption.sendBuffer, options.sendBufferBytes);
  if (isIPv6) set(socketOption.ipv6Only, options.ipv6Only ? 1 : 0);
  if (options.reusePort) set(socketOption.reusePort, 1);
  // ICMP can be forged: who claims a narrow path would have answers fragmented, and fragments can be
  // forged as well (RFC 9715 section 2). Not every system has this, and all work without.
  trySet(socketOption.ipv4PathMtu, pathMtuOmitted);
  if (isIPv6) trySet(socketOption.ipv6PathMtu, pathMtuOmitted);
  if (!options.repliesFromAsked) return;
  set(isIPv6 ? socketOption.ipv6ReceivePacketInfo : socketOption.ipv4PacketInfo, 1);
}

function check(calls: SystemCalls, call: string, result: number): number {
  if (result >= 0) return result;
  const code = getSystemErrorName(-calls.errorNumber());
  throw new SystemCallFailed(call, code);
}

/** Memory for a name and an int; it lives as long as the calls that are given its address. */
class Scratch {
  readonly bytes: Buffer;
  readonly address: number;

  constructor(calls: SystemCalls) {
    const memory = new ArrayBuffer(nameBytesMax + lengthBytes);
    this.bytes = Buffer.from(memory);
    this.address = calls.addressOf(memory);
  }

  setInt(at: number, value: number): void {
    this.bytes.writeInt32LE(value, at);
  }
}

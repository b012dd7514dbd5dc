/**
 * Structures and numbers of the Linux kernel for 64-bit little-endian machines; they are the same
 * on x86-64 and arm64. Sources: include/uapi/linux/{socket,in,in6,uio}.h, include/linux/socket.h
 * (`struct user_msghdr`, `struct mmsghdr`), include/uapi/asm-generic/{socket,errno,unistd}.h,
 * arch/x86/entry/syscalls/syscall_64.tbl. Offsets are in octets.
 */

/** `struct mmsghdr`: a `struct user_msghdr` of 56 octets and what the kernel tells of it. */
export const messageHeader = {
  size: 64,
  nameAddress: 0,
  /** 32 bits. */
  nameLength: 8,
  vectorAddress: 16,
  vectorCount: 24,
  controlAddress: 32,
  /** 64 bits, of which the upper half stays 0. */
  controlLength: 40,
  /** 32 bits. */
  flags: 48,
  /** 32 bits: octets received or sent. */
  length: 56,
} as const;

/** `struct iovec`: address and length, 64 bits each. */
export const vector = { size: 16, address: 0, length: 8 } as const;

/** `struct cmsghdr`: length (64 bits) with this header, level and type (32 bits each), data. */
export const controlHeader = { length: 0, level: 8, type: 12, data: 16 } as const;

/**
 * `UDP_SEGMENT` as a control message (udp(7), include/uapi/linux/udp.h): the octets of each datagram
 * that a message is divided into, in 16 bits.
 */
export const segmentControl = { level: 17, type: 103, length: 18, space: 24 } as const;

/** `struct sockaddr_in` and `struct sockaddr_in6`; family in host order, port in network order. */
export const socketName = {
  family: 0,
  port: 2,
  ipv4Address: 4,
  ipv4Length: 16,
  ipv6Address: 8,
  ipv6Scope: 24,
  ipv6Length: 28,
} as const;

export const addressFamily = { ipv4: 2, ipv6: 10 } as const;

/** The kind of `socket(2)`: datagrams, never blocking, not passed on to child processes. */
export const datagramSocketType = 2 | 0x800 | 0x8_0000; // SOCK_DGRAM, SOCK_NONBLOCK, SOCK_CLOEXEC

/** Level and name for `setsockopt(2)`; the value of each is an int. */
export const socketOption = {
  sendBuffer: { level: 1, name: 7 },
  receiveBuffer: { level: 1, name: 8 },
  reusePort: { level: 1, name: 15 },
  ipv4PacketInfo: { level: 0, name: 8 },
  ipv4PathMtu: { level: 0, name: 10 },
  ipv6PathMtu: { level: 41, name: 23 },
  ipv6Only: { level: 41, name: 26 },
  ipv6ReceivePacketInfo: { level: 41, name: 49 },
} as const;

/**
 * `IP_PMTUDISC_OMIT` and `IPV6_PMTUDISC_OMIT` (ip(7), include/uapi/linux/{in,in6}.h): the MTU of the
 * interface counts, not what ICMP said of the path, and packets may be divided on their way.
 */
export const pathMtuOmitted = 5;

/** The control message that tells which address was asked, and from which one to answer. */
export interface PacketInfo {
  readonly level: number;
  readonly type: number;
  /** Header and data. */
  readonly length: number;
  /** The same, rounded up to 8 octets (`CMSG_SPACE`). */
  readonly space: number;
  /** Where the number of the interface stands, from the start of the message. */
  readonly interfaceAt: number;
  /** Where the local address stands. */
  readonly addressAt: number;
}

/** `IP_PKTINFO`: interface, address to answer from, destination (ip(7)). */
export const ipv4PacketInfo: PacketInfo = {
  level: 0,
  type: 8,
  length: 28,
  space: 32,
  interfaceAt: 16,
  addressAt: 20,
};

/** `IPV6_PKTINFO`: destination, interface (RFC 3542 section 6). */
export const ipv6PacketInfo: PacketInfo = {
  level: 41,
  type: 50,
  length: 36,
  space: 40,
  interfaceAt: 32,
  addressAt: 16,
};

export const messageFlag = { truncated: 0x20, doNotWait: 0x40, noSignal: 0x4000 } as const;

export const errorNumber = {
  interrupted: 4, // EINTR
  inputOutput: 5, // EIO
  wouldBlock: 11, // EAGAIN
  invalid: 22, // EINVAL
  noBuffers: 105, // ENOBUFS
  connectionRefused: 111, // ECONNREFUSED
} as const;

/** Numbers of system calls by architecture. */
export const callNumbers: Readonly<Record<string, CallNumbers>> = {
  x64: { receiveMany: 299, sendMany: 307 },
  arm64: { receiveMany: 243, sendMany: 269 },
};

export interface CallNumbers {
  /** recvmmsg(2) */
  readonly receiveMany: number;
  /** sendmmsg(2) */
  readonly sendMany: number;
}

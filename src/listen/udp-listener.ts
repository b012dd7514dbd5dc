import type { SocketAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { ArrivalObserver } from './arrival-observer.ts';
import type { ClientGate } from './client-gate.ts';
import type { ConnectionQuota } from './connection-quota.ts';
import type { HotPath } from './hot-path.ts';
import type { Responder } from './responder.ts';

/** Index of UDP in `QueryCounters`. */
export const transportUdp = 0;
/** The largest UDP response that can be configured. */
export const responseBytesMax = 4096;

/** One UDP socket: octets in, octets out. */
export interface UdpListener {
  readonly address: SocketAddress;
  /**
   * Leaves what comes from now on to the other sockets of the port, and still answers what waits. Only
   * where the transport can; the other one loses at the close what came since the last read.
   */
  handOver?(): void;
  /** Responses under way are still sent; nothing more is received. */
  close(): Promise<void>;
}

export interface UdpListenerOptions {
  readonly receiveBufferBytes: number;
  /** An IPv6 socket leaves IPv4 to another one on the same port. */
  readonly ipv6Only: boolean;
  /** The port is shared with the sockets of other processes, the kernel deals out what comes. */
  readonly reusePort?: boolean;
  /** Of a socket that is bound already, in place of an address; only the transport `dgram` takes one. */
  readonly descriptor?: number | undefined;
  /** Answers to one client are given to the kernel together, where the transport can; so by default. */
  readonly segmentation?: boolean;
}

export interface ListenerDependencies {
  readonly hotPath: HotPath;
  readonly responder: Pick<Responder, 'respond'>;
  readonly observer: ArrivalObserver;
  readonly gate: ClientGate;
  /** Shared by all listeners. */
  readonly connections: ConnectionQuota;
  readonly clock: Clock;
}

/**
 * Opens a socket of one transport or the other.
 * @throws {ListenFailed} with what to do about it
 */
export type OpenUdpListener = (
  address: SocketAddress,
  options: UdpListenerOptions,
  dependencies: ListenerDependencies,
) => Promise<UdpListener>;

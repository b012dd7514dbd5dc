import type { SocketAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';

/** How a query travels. */
export type Transport = 'udp' | 'tcp' | 'tls' | 'https';

/** RFC 1035, 7858 and 8484; `udp` and `tcp` ask a Heimdall on this machine by default. */
export const defaultPorts: Readonly<Record<Transport, number>> = {
  udp: 1053,
  tcp: 1053,
  tls: 853,
  https: 443,
};

/** Whom to ask, and how long to wait. */
export interface Target {
  readonly transport: Transport;
  readonly server: SocketAddress;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** The name that the certificate must hold, instead of the server's. */
  readonly tlsName: string | undefined;
  /** Whether any certificate will do. */
  readonly insecure: boolean;
}

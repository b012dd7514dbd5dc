import type { TtlLimits } from '../dns/sanitize.ts';

/** Which upstreams are asked first: the quickest, the first of the list, or several at once. */
export type Strategy = 'fastest' | 'sequential' | 'parallel';

/** When an upstream is out, and how it comes back. */
export interface HealthOptions {
  /** Failures in a row after which it is out. */
  readonly failuresMax: number;
  /** Without a response for so long, an exchange counts as a failure. */
  readonly failureTimeoutMs: number;
  /** First pause until it is probed; doubles up to `backoffMaxMs`. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** What a probe asks: a name in text and a type by name. */
  readonly probeName: string;
  readonly probeType: string;
}

/** The sockets that exchanges over UDP share, where datagrams go in batches. */
export interface UdpOptions {
  /** Sockets of one address family that are shared, each with its own port. */
  readonly sockets: number;
  /** Sockets with a fresh port that may be opened; while it is not reached, little is shared. */
  readonly portsPerSecondMax: number;
  /** After so many queries a socket is replaced by one with another port. */
  readonly queriesPerSocketMax: number;
  /** After so long as well. */
  readonly socketLifetimeMs: number;
}

/** Connections to one upstream. */
export interface ConnectionOptions {
  readonly connectionsMax: number;
  readonly idleTimeoutMs: number;
  /** Queries in flight on one connection. */
  readonly queriesPerConnectionMax: number;
}

/** What is known of a host that upstreams name. */
export interface KnownHost {
  /** The name or address that its certificate is for. */
  readonly name: string;
  /** Its addresses, so that nobody has to be asked for them; empty where somebody has to be. */
  readonly addresses: readonly string[];
  /** `sha256/` and the digest of a key in base64: one of them alone proves who it is. */
  readonly pins: readonly string[];
  /** Certificates in PEM that are believed in place of the well-known authorities. */
  readonly certificateAuthority?: string | undefined;
}

/** The upstreams of a domain and all names below it. */
export interface RouteOptions {
  /** A domain name in text. */
  readonly suffix: string;
  readonly servers: readonly string[];
  /** As that of all where it is left out. */
  readonly strategy?: Strategy | undefined;
}

/** Everything that can be set about upstreams; all of it can change while running. */
export interface UpstreamOptions {
  /** Texts as `parseUpstream` reads them. */
  readonly servers: readonly string[];
  /** Who knows the addresses of hosts given by name: texts as `parseServer` reads them, or `system`. */
  readonly bootstrap: readonly string[];
  readonly hosts: readonly KnownHost[];
  readonly strategy: Strategy;
  /** How many are asked at once by the strategy `parallel`. */
  readonly parallelism: number;
  /** Time for all tries of one query together. */
  readonly queryBudgetMs: number;
  readonly tryTimeoutMinMs: number;
  readonly tryTimeoutMaxMs: number;
  /** Share of queries, 0 to 1, that ask another than the fastest first, to measure it. */
  readonly explorationShare: number;
  /** Mixed case in questions (0x20). */
  readonly caseRandomization: boolean;
  /** UDP payload size announced to upstreams (RFC 6891 section 6.2.3). */
  readonly ednsBytes: number;
  /** Ask for the AD bit and pass it on. */
  readonly trustAuthenticData: boolean;
  /** How often upstreams given by name are looked up again, at most. */
  readonly resolveIntervalMs: number;
  /** Ask every upstream once for a random name, to notice one that leads back to this resolver. */
  readonly loopDetection: boolean;
  /** Exchanges in flight with all upstreams together. */
  readonly exchangesMax: number;
  readonly health: HealthOptions;
  readonly udp: UdpOptions;
  readonly tcp: ConnectionOptions;
  /** For DoT and DoH. */
  readonly encrypted: ConnectionOptions;
  readonly ttl: TtlLimits;
  readonly routes: readonly RouteOptions[];
}

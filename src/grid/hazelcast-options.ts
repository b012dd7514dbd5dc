import { ReconnectMode } from 'hazelcast-client';
import type { ClientConfig, LifecycleState } from 'hazelcast-client';
import type { Clock } from '../base/clock.ts';
import { hazelcastLogger } from './hazelcast-logger.ts';
import type { GridLog } from './hazelcast-logger.ts';

/** How the members are connected to. */
export interface HazelcastOptions {
  readonly clusterName: string;
  /** `host:port`; the other members are learned from whichever of them answers. */
  readonly members: readonly string[];
  /** How long a TCP connection to one member may take to open. */
  readonly connectTimeoutMs: number;
  /** A connection to every member; else one member passes all calls on. */
  readonly smartRouting: boolean;
  /** Community members refuse a client that sends credentials: only where they ask for them. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Only Enterprise members speak TLS. */
  readonly tls?: HazelcastTls;
  /** Shown by Management Center beside this client. */
  readonly labels?: readonly string[];
}

export interface HazelcastTls {
  /** PEM; the certificates of the system where it is left out. */
  readonly ca?: string | Buffer;
  /** The name that the certificate must hold, where it is not the host's. */
  readonly serverName?: string;
  /** False accepts any certificate. */
  readonly verify: boolean;
}

export interface HazelcastDependencies {
  readonly clock: Clock;
  readonly log: GridLog;
}

/** A call has no deadline of its own: it ends when its connection does, after so long a silence. */
const heartbeatTimeoutMs = 2000;
const heartbeatIntervalMs = 500;

/** What the client is started with; keys that are `undefined` would be refused by it. */
export function clientConfig(
  options: HazelcastOptions,
  { clock, log }: HazelcastDependencies,
  onState: (state: LifecycleState) => void,
): ClientConfig {
  const { clusterName, members, connectTimeoutMs, smartRouting, credentials, labels } = options;
  return {
    clusterName,
    network: {
      clusterMembers: [...members],
      connectionTimeout: connectTimeoutMs,
      // Not again by itself: an increment or a lease might be done twice.
      redoOperation: false,
      smartRouting,
      ...(options.tls !== undefined && { ssl: sslOf(options.tls) }),
    },
    connectionStrategy: {
      asyncStart: true,
      // Calls fail at once while there is no connection; the default keeps them for two minutes.
      reconnectMode: ReconnectMode.ASYNC,
      connectionRetry: {
        initialBackoffMillis: 200,
        maxBackoffMillis: 2000,
        multiplier: 1.5,
        jitter: 0.2,
        clusterConnectTimeoutMillis: -1,
      },
    },
    // Backups are acknowledged to the member, which answers then: one wait less at the client.
    backupAckToClientEnabled: false,
    metrics: { enabled: false },
    customLogger: hazelcastLogger(clock, log),
    lifecycleListeners: [onState],
    properties: {
      'hazelcast.client.heartbeat.interval': heartbeatIntervalMs,
      'hazelcast.client.heartbeat.timeout': heartbeatTimeoutMs,
      'hazelcast.client.invocation.timeout.millis': 1000,
      'hazelcast.client.invocation.retry.pause.millis': 50,
      'hazelcast.client.operation.backup.timeout.millis': 200,
    },
    ...(credentials !== undefined && { security: { usernamePassword: { ...credentials } } }),
    ...(labels !== undefined && { clientLabels: [...labels] }),
  };
}

/** Given options of its own, the client leaves the check of the host name to Node, which does it. */
function sslOf({ ca, serverName, verify }: HazelcastTls) {
  return {
    enabled: true,
    sslOptions: {
      rejectUnauthorized: verify,
      ...(ca !== undefined && { ca }),
      ...(serverName !== undefined && { servername: serverName }),
    },
  };
}

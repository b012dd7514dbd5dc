import type { UpstreamContext } from './context.ts';
import type { ServerState } from './health-board.ts';
import type { Route } from './routes.ts';
import type { ServerTransport } from '../base/server-address.ts';
import type { Server } from './server.ts';

/** What the admin API says of an upstream, once for each route that uses it. */
export interface UpstreamStatus {
  readonly server: string;
  /** The suffix of the route, `.` for all other names. */
  readonly route: string;
  readonly transport: ServerTransport;
  readonly state: ServerState;
  /** What the replicas agree upon. */
  readonly agreed: 'up' | 'down' | 'unknown';
  readonly consecutiveFailures: number;
  readonly smoothedRttMs: number | null;
  readonly rttVariationMs: number | null;
  readonly responses: number;
  readonly failures: number;
  /** Until it is probed, while it is out. */
  readonly retryInMs: number | null;
  readonly lastFailure: string | null;
  /** Whether its questions get mixed case. */
  readonly caseRandomization: boolean;
}

/** The state of one upstream in one route. */
export function statusOf(server: Server, route: Route, context: UpstreamContext): UpstreamStatus {
  const { health, roundTrip } = server;
  return {
    server: server.text,
    route: route.suffix,
    transport: server.address.transport,
    state: health.state,
    agreed: context.healthBoard.agreed(server.text),
    consecutiveFailures: health.failuresInARow,
    smoothedRttMs: rounded(roundTrip.smoothedMs),
    rttVariationMs: rounded(roundTrip.variationMs),
    responses: server.responses,
    failures: server.failures,
    retryInMs: rounded(health.retryInMs),
    lastFailure: health.lastFailure ?? null,
    caseRandomization: server.mixesCase,
  };
}

/** To a hundredth: more is noise. */
function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 100) / 100;
}

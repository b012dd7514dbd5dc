import { GridUnavailable, RequestRefused } from '../base/errors.ts';
import type { ClusterCounters } from './cluster-counters.ts';
import { jsonReply, textReply } from './http-reply.ts';
import type { HttpReply } from './http-reply.ts';
import type { HttpHandler, HttpRoute } from './http-route.ts';
import { clusterPage } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { pageRoutes } from './page/page-files.ts';
import type { Readiness } from './readiness.ts';
import type { WorkersFigures } from './workers-figures.ts';

export interface PublicDependencies {
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly clusterCounters: ClusterCounters;
  /** Undefined where one process does all. */
  readonly workers?: WorkersFigures | undefined;
}

/** What anybody may ask: metrics, health, and what there is to ask. */
export function publicRoutes(dependencies: PublicDependencies): HttpRoute[] {
  const { metrics, readiness, clusterCounters, workers } = dependencies;
  return [
    ...pageRoutes(),
    open('/metrics', async () => metricsReply(metrics, await metrics.scrape())),
    open('/metrics/cluster', () => clusterReply(metrics, clusterCounters)),
    open('/healthz', () => textReply(200, 'ok\n')),
    open('/readyz', () => readyReply(readiness, workers)),
  ];
}

function open(path: string, handler: HttpHandler): HttpRoute {
  return { path, isAdmin: false, methods: { GET: handler } };
}

function metricsReply(metrics: Metrics, body: string): HttpReply {
  return { status: 200, contentType: metrics.contentType, body };
}

async function clusterReply(metrics: Metrics, counters: ClusterCounters): Promise<HttpReply> {
  const totals = await totalsOf(counters);
  if (totals === undefined) {
    const message = 'this replica counts for itself: no cluster metrics are configured';
    throw new RequestRefused(404, 'no_cluster', message);
  }
  return metricsReply(metrics, await clusterPage(totals));
}

/** @throws {RequestRefused} 503 when the grid does not tell in time */
async function totalsOf(counters: ClusterCounters): ReturnType<ClusterCounters['totals']> {
  try {
    return await counters.totals();
  } catch (error) {
    if (!(error instanceof GridUnavailable)) throw error;
    throw new RequestRefused(503, 'grid_unavailable', error.message);
  }
}

function readyReply(readiness: Readiness, workers: WorkersFigures | undefined): HttpReply {
  const { ready } = readiness;
  const states = workers?.status().map(({ state }) => state);
  const listening = states?.filter((state) => state === 'listening').length;
  const counts = states === undefined ? {} : { workers: { configured: states.length, listening } };
  return jsonReply(ready ? 200 : 503, { ready, reasons: readiness.reasons(), ...counts });
}

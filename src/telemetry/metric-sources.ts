import { recordTypeName, responseCodeName } from '../dns/codes.ts';
import {
  countedCodes,
  countedTypes,
  durationBoundsSeconds,
  layers,
  transports,
  typeOther,
} from '../query/query-counters.ts';
import type { QueryCounters } from '../query/query-counters.ts';
import type { ServerCookies } from '../query/server-cookies.ts';
import type { ArrivalCounters } from './arrival-counters.ts';
import type {
  BuildFigures,
  CacheFigures,
  CertificateFigures,
  FilterFigures,
  FlightFigures,
  LogFigures,
  SnapshotFigures,
  Totals,
  UpstreamFigures,
} from './figures.ts';
import { filterSources } from './filter-sources.ts';
import { gridSources } from './grid-sources.ts';
import type { Dnstap } from './dnstap.ts';
import type { GridSource } from './grid-sources.ts';
import type { HttpCounters } from './http-counters.ts';
import type { MetricName } from './metric-table.ts';
import type { Readiness } from './readiness.ts';
import type { ResultCounter } from './result-counter.ts';
import { byLabel, histogramSamples, optional, plain } from './sample.ts';
import type { Sample, Sources, SourcesOf } from './sample.ts';
import type { UpstreamCounters } from './upstream-counters.ts';
import { upstreamSources } from './upstream-sources.ts';
import { workerSources } from './workers-figures.ts';
import type { WorkersFigures } from './workers-figures.ts';

/** Everything that metrics are read from. Functions are called at each scrape. */
export interface Figures {
  readonly queries: QueryCounters;
  readonly arrivals: ArrivalCounters;
  readonly cookies: Pick<ServerCookies, 'counts'>;
  /** Open connections by transport. */
  readonly connections: () => Totals;
  readonly upstreamCounters: UpstreamCounters;
  readonly upstreams: () => UpstreamFigures;
  readonly cache: () => CacheFigures;
  /** Undefined where no snapshots are kept. */
  readonly snapshot: () => SnapshotFigures | undefined;
  /** Undefined where nothing is encrypted. */
  readonly certificate: () => CertificateFigures | undefined;
  readonly filter: () => FilterFigures;
  readonly flights: () => FlightFigures;
  readonly reloads: ResultCounter;
  readonly readiness: Readiness;
  readonly log: () => LogFigures;
  /** Undefined where it is off. */
  readonly dnstap?: Pick<Dnstap, 'figures'> | undefined;
  /** The same. */
  readonly traces?: { readonly sent: number; readonly dropped: number } | undefined;
  readonly http: HttpCounters;
  readonly build: BuildFigures;
  /** Undefined where there is no grid. */
  readonly grid?: GridSource | undefined;
  /** Undefined where one process does all. */
  readonly workers?: WorkersFigures | undefined;
}

/** Ties every metric of the table to where its value is; the compiler misses none. */
export function metricSources(figures: Figures): Sources {
  return {
    ...querySources(figures),
    ...upstreamSources(figures.upstreamCounters, figures.upstreams),
    ...cacheSources(figures.cache),
    ...snapshotSources(figures.snapshot),
    ...certificateSources(figures.certificate),
    ...filterSources(figures.filter),
    ...processSources(figures),
    ...gridSources(figures.grid),
    ...workerSources(figures.workers),
    heimdall_dnstap_messages_total: () =>
      byLabel('result', Object.entries(figures.dnstap?.figures ?? {})),
    heimdall_trace_spans_total: () => spansByResult(figures.traces),
    heimdall_flights_in_progress: () => plain(figures.flights().inProgress),
    heimdall_flights_joined_total: () => plain(figures.flights().joined),
    heimdall_flights_refused_total: () => plain(figures.flights().refused),
  };
}

function certificateSources(
  certificate: () => CertificateFigures | undefined,
): SourcesOf<'heimdall_certificate_'> {
  return {
    heimdall_certificate_expiry_timestamp_seconds: () => {
      const wallMs = certificate()?.expiresAtWallMs;
      return optional(wallMs === undefined ? undefined : wallMs / 1000);
    },
    heimdall_certificate_reloads_total: () =>
      byLabel('result', Object.entries(certificate()?.reloads ?? {})),
  };
}

function querySources({
  queries,
  arrivals,
  cookies,
  connections,
}: Figures): SourcesOf<
  'heimdall_cookies' | 'heimdall_quer' | 'heimdall_responses' | 'heimdall_tcp' | 'heimdall_udp'
> {
  return {
    heimdall_queries_total: () => queriesByType(queries),
    heimdall_responses_total: () => responsesByCode(queries),
    heimdall_query_duration_seconds: () => durationsByLayer(queries),
    heimdall_queries_rejected_total: () => byLabel('reason', arrivals.rejected.entries()),
    heimdall_queries_dropped_total: () => byLabel('reason', arrivals.dropped.entries()),
    heimdall_queries_shed_total: () => byLabel('reason', arrivals.shed.entries()),
    heimdall_cookies_total: () => byLabel('result', Object.entries(cookies.counts)),
    heimdall_tcp_connections: () => byLabel('transport', Object.entries(connections())),
    heimdall_tcp_connections_refused_total: () =>
      byLabel('reason', arrivals.connectionsRefused.entries()),
    heimdall_udp_segmentation_refused_total: () => plain(arrivals.segmentationRefused),
  };
}

function spansByResult(traces: Figures['traces']): Sample[] {
  if (traces === undefined) return [];
  const { sent, dropped } = traces;
  return byLabel('result', Object.entries({ sent, dropped }));
}

function queriesByType({ queries }: QueryCounters): Sample[] {
  const types = [...countedTypes.map(recordTypeName), 'other'];
  return transports.flatMap((transport, row) =>
    types.map((type, column) => ({
      labels: { transport, type },
      value: queries[row * (typeOther + 1) + column] ?? 0,
    })),
  );
}

/** Codes that have no name are told only once they were sent. */
function responsesByCode({ responses }: QueryCounters): Sample[] {
  const codes = Array.from({ length: countedCodes }, (_, code) => responseCodeName(code));
  return transports
    .flatMap((transport, row) =>
      codes.map((code, column) => ({
        labels: { transport, code },
        value: responses[row * countedCodes + column] ?? 0,
      })),
    )
    .filter(({ labels, value }) => value > 0 || !labels.code.startsWith('RCODE'));
}

function durationsByLayer({ durationBuckets, durationSums }: QueryCounters): Sample[] {
  const width = durationBoundsSeconds.length + 1;
  return layers.flatMap((layer, row) =>
    histogramSamples(
      {
        boundsSeconds: durationBoundsSeconds,
        buckets: durationBuckets.subarray(row * width, (row + 1) * width),
        sumSeconds: durationSums[row] ?? 0,
      },
      { layer },
    ),
  );
}

type CacheSources = Omit<
  SourcesOf<'heimdall_cache_' | 'heimdall_memory_'>,
  MetricName & `heimdall_cache_snapshot_${string}`
>;

function cacheSources(cache: () => CacheFigures): CacheSources {
  return {
    heimdall_cache_entries: () => plain(cache().entries),
    heimdall_cache_size_bytes: () => plain(cache().sizeBytes),
    heimdall_cache_limit_bytes: () => plain(cache().limitBytes),
    heimdall_cache_configured_bytes: () => plain(cache().sizeBytesMax),
    heimdall_cache_shed_total: () => plain(cache().shed),
    heimdall_memory_ceiling_bytes: () => optional(cache().ceilingBytes || undefined),
    heimdall_cache_lookups_total: () => lookupsByResult(cache()),
    heimdall_cache_insertions_total: () => plain(cache().insertions),
    heimdall_cache_refusals_total: () => plain(cache().refused),
    heimdall_cache_promotions_total: () => plain(cache().promotions),
    heimdall_cache_evictions_total: () => {
      const { evictionsSmall: small, evictionsMain: main } = cache();
      return byLabel('queue', Object.entries({ small, main }));
    },
    heimdall_cache_prefetches_total: () => {
      const { prefetches: success, prefetchesFailed: failure } = cache();
      return byLabel('result', Object.entries({ success, failure }));
    },
    heimdall_cache_stale_answers_total: () => plain(cache().stale),
    heimdall_cache_search_cuts_total: () => plain(cache().searchCuts),
    heimdall_cache_subnet_questions_total: () => subnetsByResult(cache()),
    heimdall_cache_failure_entries: () => plain(cache().failureEntries),
  };
}

function subnetsByResult(figures: CacheFigures): Sample[] {
  const { subnetsForwarded: forwarded, subnetsAdded: added, subnetsForbidden } = figures;
  return byLabel('result', Object.entries({ forwarded, added, forbidden: subnetsForbidden }));
}

function lookupsByResult({ hits, nxdomainCuts, failureHits, misses }: CacheFigures): Sample[] {
  const totals = { hit: hits, nxdomain_cut: nxdomainCuts, failure: failureHits, miss: misses };
  return byLabel('result', Object.entries(totals));
}

function snapshotSources(
  snapshot: () => SnapshotFigures | undefined,
): SourcesOf<'heimdall_cache_snapshot_'> {
  return {
    heimdall_cache_snapshot_saves_total: () =>
      byLabel('result', Object.entries(snapshot()?.saves ?? {})),
    heimdall_cache_snapshot_loads_total: () =>
      byLabel('result', Object.entries(snapshot()?.loads ?? {})),
    heimdall_cache_snapshot_last_success_timestamp_seconds: () =>
      optional(inSeconds(snapshot()?.lastSuccessWallMs)),
    heimdall_cache_snapshot_entries: () => optional(snapshot()?.entries),
  };
}

function processSources({
  reloads,
  readiness,
  log,
  http,
  build,
}: Figures): SourcesOf<
  'heimdall_config' | 'heimdall_build' | 'heimdall_ready' | 'heimdall_log' | 'heimdall_http'
> {
  const { version, node, udpTransport } = build;
  return {
    heimdall_config_reloads_total: () => byLabel('result', reloads.results.entries()),
    heimdall_config_last_reload_success_timestamp_seconds: () =>
      optional(inSeconds(reloads.lastSuccessWallMs)),
    heimdall_build_info: () => [
      { labels: { version, node, udp_transport: udpTransport }, value: 1 },
    ],
    heimdall_ready: () => plain(readiness.ready ? 1 : 0),
    heimdall_log_lines_total: () => byLabel('level', Object.entries(log().lines)),
    heimdall_log_lines_dropped_total: () => plain(log().linesDropped),
    heimdall_http_requests_total: () => http.samples(),
  };
}

function inSeconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}

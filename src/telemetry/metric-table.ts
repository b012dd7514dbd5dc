/** What a metric is: everything of it but its values. */
export interface MetricDefinition {
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** The unit of a sample; `1` for a plain number. */
  readonly unit: MetricUnit;
  readonly labels: readonly LabelName[];
}

export type MetricUnit = '1' | 'seconds' | 'bytes';

/**
 * Every label, with what bounds the number of its values. Nothing that a client chooses (a name, an
 * address) may become a label: it would let clients grow our memory and Prometheus' own.
 */
export const labelBounds = {
  transport: 'udp, tcp, tls, https',
  type: 'sixteen frequent types by name, `other` for all else',
  code: 'the response codes of RFC 1035 and RFC 6891; for HTTP the status',
  layer: 'l1, stale, l2, upstream, local, filter, admit, failure',
  list: 'the configured lists of the filter, at most 16',
  reason: 'a fixed list of reasons, `other` beyond it',
  server: 'the configured upstreams and the addresses of their names, at most 1,000',
  kind: 'wrong_source, wrong_id, wrong_question, wrong_case, wrong_subnet, malformed, not_a_response',
  state: 'up, down, loop, unknown; of a worker starting, listening, stopping, waiting',
  result: 'a fixed list of outcomes',
  queue: 'small, main',
  level: 'error, warn, info, debug',
  path: 'the paths that are served, `other` for all else',
  version: 'one',
  node: 'one',
  udp_transport: 'one',
  operation: 'what the grid was asked for: a fixed list',
  outcome: 'ok, late, failed, skipped, offline, overload',
} as const;

export type LabelName = keyof typeof labelBounds;

function counter(help: string, ...labels: readonly LabelName[]): MetricDefinition {
  return { help, type: 'counter', unit: '1', labels };
}

function gauge(help: string, ...labels: readonly LabelName[]): MetricDefinition {
  return { help, type: 'gauge', unit: '1', labels };
}

function sized(help: string): MetricDefinition {
  return { help, type: 'gauge', unit: 'bytes', labels: [] };
}

function moment(help: string, ...labels: readonly LabelName[]): MetricDefinition {
  return { help, type: 'gauge', unit: 'seconds', labels };
}

function durations(help: string, ...labels: readonly LabelName[]): MetricDefinition {
  return { help, type: 'histogram', unit: 'seconds', labels };
}

/**
 * Every metric of Heimdall by name; docs/metrics.md holds the same table. Names follow the
 * conventions of Prometheus: prefix, base unit, `_total` for what only grows.
 */
export const metricTable = {
  heimdall_queries_total: counter('Well-formed queries received.', 'transport', 'type'),
  heimdall_responses_total: counter('Responses sent.', 'transport', 'code'),
  heimdall_query_duration_seconds: durations(
    'Time from the arrival of a query to its response; the answers of each layer are its count.',
    'layer',
  ),
  heimdall_queries_rejected_total: counter(
    'Messages answered with an error before any stage saw them.',
    'reason',
  ),
  heimdall_queries_dropped_total: counter('Messages and queries left unanswered.', 'reason'),
  heimdall_queries_shed_total: counter(
    'Queries turned away because of a limit, or of who asked.',
    'reason',
  ),
  heimdall_cookies_total: counter(
    'Queries that had a cookie, by what it was worth (RFC 7873).',
    'result',
  ),
  heimdall_tcp_connections: gauge('Connections of clients that are open.', 'transport'),
  heimdall_tcp_connections_refused_total: counter(
    'Connections of clients closed because of a limit.',
    'reason',
  ),
  heimdall_udp_segmentation_refused_total: counter(
    'Sockets that send each answer by itself since the kernel refused joined ones.',
  ),
  heimdall_upstream_response_time_seconds: durations(
    'Time to each single response of an upstream, observed when it arrives, whoever won the race.',
    'server',
  ),
  heimdall_upstream_responses_total: counter('Responses of an upstream.', 'server', 'code'),
  heimdall_upstream_failures_total: counter(
    'Exchanges that ended without a usable response.',
    'server',
    'reason',
  ),
  heimdall_upstream_mismatched_responses_total: counter(
    'Messages that claimed to be a response and were not believed (RFC 5452).',
    'server',
    'kind',
  ),
  heimdall_upstream_up: gauge('Whether an upstream is used: 0 while down or in a loop.', 'server'),
  heimdall_upstream_state_changes_total: counter(
    'Changes of the state of an upstream, by the new state.',
    'server',
    'state',
  ),
  heimdall_upstream_connections_total: counter(
    'Connections opened to upstreams over TCP, TLS and HTTPS: `new`, or `resumed` where a TLS session was.',
    'server',
    'kind',
  ),
  heimdall_upstream_confirmations_total: counter(
    'Second opinions on popular names of which an upstream said that they are gone (`cache.lastKnownGood`).',
    'result',
  ),
  heimdall_upstream_loops_total: counter(
    'Probes of a forwarding loop that came back to this replica.',
    'server',
  ),
  heimdall_upstream_failovers_total: counter('Tries that moved on to the next upstream.', 'server'),
  heimdall_upstream_retransmissions_total: counter('Questions sent again.', 'server'),
  heimdall_upstream_exchanges_in_flight: gauge('Exchanges with upstreams that are not over.'),
  heimdall_upstream_exchanges_refused_total: counter(
    'Exchanges not begun: too many were in flight.',
  ),
  heimdall_cache_entries: gauge('Answers in the cache.'),
  heimdall_cache_size_bytes: sized('Memory that the answers in the cache take.'),
  heimdall_cache_limit_bytes: sized(
    'Memory that the cache may take now: less than configured while memory is short.',
  ),
  heimdall_cache_configured_bytes: sized('Memory that the cache may take while there is enough.'),
  heimdall_cache_shed_total: counter(
    'Answers given up because the process came to its memory ceiling.',
  ),
  heimdall_cache_lookups_total: counter(
    'Looks into the cache: hit, nxdomain_cut (RFC 8020), failure (remembered, RFC 9520), miss.',
    'result',
  ),
  heimdall_cache_insertions_total: counter('Answers put into the cache.'),
  heimdall_cache_refusals_total: counter('Answers that were not kept.'),
  heimdall_cache_promotions_total: counter('Answers that proved popular: moved to the main queue.'),
  heimdall_cache_evictions_total: counter('Answers that made room for others.', 'queue'),
  heimdall_cache_prefetches_total: counter('Answers fetched again before they expired.', 'result'),
  heimdall_cache_stale_answers_total: counter('Answers served stale (RFC 8767).'),
  heimdall_cache_search_cuts_total: counter(
    'Queries below cache.searchSuffixes that the absence of a name above answered (RFC 8020).',
  ),
  heimdall_cache_subnet_questions_total: counter(
    'Queries on behalf of a subnet, which the client named, was added, or that it forbids (RFC 7871).',
    'result',
  ),
  heimdall_cache_failure_entries: gauge('Resolution failures remembered (RFC 9520).'),
  heimdall_cache_snapshot_saves_total: counter('Snapshots of the cache written.', 'result'),
  heimdall_cache_snapshot_loads_total: counter('Snapshots of the cache read.', 'result'),
  heimdall_cache_snapshot_last_success_timestamp_seconds: moment(
    'When a snapshot was last written, in Unix time.',
  ),
  heimdall_cache_snapshot_entries: gauge('Answers in the last snapshot.'),
  heimdall_certificate_expiry_timestamp_seconds: moment('When the certificate in use ends.'),
  heimdall_certificate_reloads_total: counter('Times that the certificate was replaced.', 'result'),
  heimdall_filter_blocked_total: counter('Queries that a list blocked.', 'list'),
  heimdall_filter_pauses: gauge('Groups for whom lists do not hold now; all clients are one.'),
  heimdall_filter_screened_total: counter(
    'Queries answered for their type, or for a private address in their answer.',
    'reason',
  ),
  heimdall_filter_rules: gauge('Rules taken from a list.', 'list'),
  heimdall_filter_skipped: gauge('Lines of a list that hold no rule to follow.', 'list'),
  heimdall_filter_names: gauge('Different names on all lists.'),
  heimdall_filter_bytes: sized('Memory that the names on lists take.'),
  heimdall_filter_loads_total: counter('Times that the lists were read.', 'result'),
  heimdall_filter_last_success_timestamp_seconds: moment('When the lists were last read whole.'),
  heimdall_filter_fetches_total: counter('Looks at the URLs of a list.', 'list', 'result'),
  heimdall_filter_fetch_success_timestamp_seconds: moment(
    'When a URL of a list was last reached, in Unix time.',
    'list',
  ),
  heimdall_flights_in_progress: gauge('Questions being fetched, each once.'),
  heimdall_flights_joined_total: counter('Queries that waited for a fetch already on its way.'),
  heimdall_flights_refused_total: counter('Fetches refused: too many were in progress.'),
  heimdall_workers: gauge('Worker processes; absent with one process.', 'state'),
  heimdall_worker_restarts_total: counter('Workers started again after they ended by themselves.'),
  heimdall_config_reloads_total: counter('Attempts to reload the configuration.', 'result'),
  heimdall_config_last_reload_success_timestamp_seconds: moment(
    'When a configuration was last taken over, in Unix time.',
  ),
  heimdall_build_info: gauge(
    'Always 1; the labels tell what runs.',
    'version',
    'node',
    'udp_transport',
  ),
  heimdall_ready: gauge('Whether the replica is ready, as /readyz says.'),
  heimdall_memory_ceiling_bytes: sized(
    'Memory of the processes above which the cache gives way (`cache.processBytesMax`).',
  ),
  heimdall_dnstap_messages_total: counter(
    'Messages for dnstap: written, or dropped because nobody took them in time.',
    'result',
  ),
  heimdall_trace_spans_total: counter(
    'Spans of traces: sent, or dropped because no collector took them in time.',
    'result',
  ),
  heimdall_log_lines_total: counter('Log lines written.', 'level'),
  heimdall_log_lines_dropped_total: counter('Log lines lost because their reader was too slow.'),
  heimdall_http_requests_total: counter('HTTP requests answered.', 'path', 'code'),
  heimdall_grid_connected: gauge('Whether the grid is connected; absent without a grid.'),
  heimdall_grid_members: gauge('Members of the grid as this replica sees them.'),
  heimdall_grid_breakers_open: gauge('Members that are left out because they are slow.'),
  heimdall_grid_calls_in_flight: gauge('Calls to the grid not ended, given up or not.'),
  heimdall_grid_clock_skew_seconds: moment("How far this machine's clock is ahead of the grid's."),
  heimdall_grid_operation_seconds: durations(
    'Calls to the grid, one sample each.',
    'operation',
    'outcome',
  ),
  heimdall_grid_looks_total: counter('Looks into the shared cache.', 'result'),
  heimdall_grid_predicted_looks_total: counter(
    'How looks would have ended, while the shared cache is on observe.',
    'result',
  ),
  heimdall_grid_leases_total: counter('What asking for leases came to.', 'result'),
  heimdall_grid_predicted_leases_held_total: counter(
    'Upstream queries that deduplication would have saved, while it is on observe.',
  ),
  heimdall_grid_entries_dropped_total: counter(
    'Values of the grid that were not believed.',
    'reason',
  ),
  heimdall_grid_entries_shared_total: counter('Answers given to the shared cache.'),
  heimdall_grid_entries_unpopular_total: counter('Answers not shared: too seldom asked for.'),
  heimdall_grid_writes_dropped_total: counter('Answers not shared: too many writes waited.'),
  heimdall_grid_bulletins_sent_total: counter('Flushes told to the other replicas.'),
  heimdall_grid_bulletins_heard_total: counter('Flushes heard of from other replicas.'),
  heimdall_grid_warm_entries_total: counter('Answers fetched from the grid at the start.'),
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metricTable;

/** All names in the order of the table. */
export const metricNames = Object.keys(metricTable) as MetricName[];

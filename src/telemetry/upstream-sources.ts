import type { UpstreamFigures } from './figures.ts';
import { byLabel, histogramSamples, plain } from './sample.ts';
import type { Sample, SourcesOf } from './sample.ts';
import type { ServerCounters, UpstreamCounters } from './upstream-counters.ts';

/** An upstream in one of these states is not used; one never asked is. */
const unusedStates = new Set(['down', 'loop']);

/** The metrics of upstreams. A scrape drops the series of servers that have left. */
export function upstreamSources(
  counters: UpstreamCounters,
  upstreams: () => UpstreamFigures,
): SourcesOf<'heimdall_upstream_'> {
  const perServer = (read: (of: ServerCounters, server: string) => Sample[]) => (): Sample[] => {
    counters.retain(new Set(upstreams().servers.map(({ server }) => server)));
    return Array.from(counters.entries(), ([server, of]) => read(of, server)).flat();
  };
  const perServerTotal = (read: (of: ServerCounters) => number): (() => Sample[]) =>
    perServer((of, server) => [{ labels: { server }, value: read(of) }]);
  return {
    heimdall_upstream_response_time_seconds: perServer((of, server) =>
      histogramSamples(of.responseTimes, { server }),
    ),
    heimdall_upstream_responses_total: perServer((of, server) =>
      byLabel('code', of.responses.entries(), { server }),
    ),
    heimdall_upstream_failures_total: perServer((of, server) =>
      byLabel('reason', of.failures.entries(), { server }),
    ),
    heimdall_upstream_mismatched_responses_total: perServer((of, server) =>
      byLabel('kind', of.mismatches.entries(), { server }),
    ),
    heimdall_upstream_state_changes_total: perServer((of, server) =>
      byLabel('state', of.stateChanges.entries(), { server }),
    ),
    heimdall_upstream_connections_total: perServer((of, server) =>
      byLabel('kind', of.connections.entries(), { server }),
    ),
    heimdall_upstream_loops_total: perServerTotal((of) => of.loops),
    heimdall_upstream_failovers_total: perServerTotal((of) => of.failovers),
    heimdall_upstream_retransmissions_total: perServerTotal((of) => of.retransmissions),
    heimdall_upstream_up: () => upSamples(upstreams()),
    heimdall_upstream_exchanges_in_flight: () => plain(upstreams().exchangesInFlight),
    heimdall_upstream_exchanges_refused_total: () => plain(upstreams().exchangesRefused),
    heimdall_upstream_confirmations_total: () =>
      byLabel('result', Object.entries(upstreams().confirmations)),
  };
}

function upSamples({ servers }: UpstreamFigures): Sample[] {
  const states = new Map(servers.map(({ server, state }) => [server, state]));
  return Array.from(states, ([server, state]) => ({
    labels: { server },
    value: unusedStates.has(state) ? 0 : 1,
  }));
}

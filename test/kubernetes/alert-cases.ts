/** Series by name with labels, one value a minute in the notation of promtool. */
type Series = Readonly<Record<string, string>>;

export interface AlertCase {
  /** What must make it fire, after `minutes`. */
  readonly fires: Series;
  /** Another way to the same. */
  readonly alsoFires?: Series;
  /** What looks alike and must not. */
  readonly quiet: Series;
  readonly minutes: number;
}

const replica = 'job="heimdall",namespace="dns"';
const member = 'job="heimdall-member",namespace="dns"';
const responses = `heimdall_responses_total{${replica},transport="udp"`;
const durations = `heimdall_query_duration_seconds`;
const busy = { [`heimdall_queries_total{${replica},type="A"}`]: '0+6000x2000' };

/** Answers of a layer, by their count. */
function answers(layer: string, values: string): Series {
  return { [`${durations}_count{${replica},layer="${layer}"}`]: values };
}

/** Answers of one bucket: none is faster than 0.5 s, all are as fast as `le`. */
function slow(le: string): Series {
  const bucket = (bound: string): string =>
    `${durations}_bucket{${replica},layer="upstream",le="${bound}"}`;
  const all = '0+6000x60';
  return {
    [bucket('0.5')]: '0x60',
    [bucket('1')]: le === '1' ? all : '0x60',
    [bucket('2.5')]: all,
    [bucket('+Inf')]: all,
  };
}

/** For each alert of k8s/monitoring/rules.yaml what fires it and what does not. */
export const alertCases: Readonly<Record<string, AlertCase>> = {
  HeimdallReplicaDown: {
    fires: { [`up{${replica},instance="a"}`]: '0x10' },
    quiet: { [`up{${replica},instance="a"}`]: '1 0 1 0 1 0 1 0 1 0 1' },
    minutes: 4,
  },
  HeimdallNotReady: {
    fires: { [`heimdall_ready{${replica},instance="a"}`]: '0x10' },
    quiet: { [`heimdall_ready{${replica},instance="a"}`]: '0 0 0 0 1x10' },
    minutes: 8,
  },
  HeimdallUpstreamDown: {
    fires: {
      [`heimdall_upstream_up{${replica},instance="a",server="9.9.9.9:53"}`]: '0x10',
      [`heimdall_upstream_up{${replica},instance="b",server="9.9.9.9:53"}`]: '0x10',
    },
    quiet: {
      [`heimdall_upstream_up{${replica},instance="a",server="9.9.9.9:53"}`]: '0x10',
      [`heimdall_upstream_up{${replica},instance="b",server="9.9.9.9:53"}`]: '1x10',
    },
    minutes: 3,
  },
  HeimdallAllUpstreamsDown: {
    fires: {
      [`heimdall_upstream_up{${replica},instance="a",server="9.9.9.9:53"}`]: '0x10',
      [`heimdall_upstream_up{${replica},instance="a",server="1.1.1.1:53"}`]: '0x10',
    },
    quiet: {
      [`heimdall_upstream_up{${replica},instance="a",server="9.9.9.9:53"}`]: '0x10',
      [`heimdall_upstream_up{${replica},instance="a",server="1.1.1.1:53"}`]: '1x10',
    },
    minutes: 3,
  },
  HeimdallServfailRatioHigh: {
    fires: {
      ...busy,
      [`${responses},code="NOERROR"}`]: '0+900x60',
      [`${responses},code="SERVFAIL"}`]: '0+100x60',
    },
    quiet: {
      ...busy,
      [`${responses},code="NOERROR"}`]: '0+990x60',
      [`${responses},code="SERVFAIL"}`]: '0+10x60',
    },
    minutes: 20,
  },
  HeimdallHitRatioCollapsed: {
    // Five hours of 90 %, then half an hour of 10 %.
    fires: {
      ...busy,
      ...answers('l1', '0+5400x300 1620000+600x40'),
      ...answers('upstream', '0+600x300 180000+5400x40'),
    },
    quiet: {
      ...busy,
      ...answers('l1', '0+5400x300 1620000+4200x40'),
      ...answers('upstream', '0+600x300 180000+1800x40'),
    },
    minutes: 335,
  },
  HeimdallLatencyHigh: {
    fires: { ...busy, ...slow('2.5') },
    quiet: { ...busy, ...slow('1') },
    minutes: 20,
  },
  HeimdallQueriesShed: {
    fires: { [`heimdall_queries_shed_total{${replica},reason="rate_limit"}`]: '0+600x60' },
    quiet: { [`heimdall_queries_shed_total{${replica},reason="rate_limit"}`]: '0+6x60' },
    minutes: 20,
  },
  HeimdallMemoryShort: {
    fires: { [`heimdall_cache_shed_total{${replica},instance="a"}`]: '0+600x60' },
    // A burst that is over.
    quiet: { [`heimdall_cache_shed_total{${replica},instance="a"}`]: '0+600x5 3000x60' },
    minutes: 25,
  },
  HeimdallGridUnreachable: {
    fires: { [`heimdall_grid_connected{${replica},instance="a"}`]: '0x10' },
    quiet: {
      [`heimdall_grid_connected{${replica},instance="a"}`]: '0x10',
      [`heimdall_grid_connected{${replica},instance="b"}`]: '1x10',
    },
    minutes: 5,
  },
  HeimdallReplicaOutOfStep: {
    fires: {
      [`heimdall_grid_connected{${replica},instance="a"}`]: '0x10',
      [`heimdall_grid_connected{${replica},instance="b"}`]: '1x10',
    },
    // All of them: that is another alert.
    quiet: { [`heimdall_grid_connected{${replica},instance="a"}`]: '0x10' },
    minutes: 5,
  },
  HeimdallGridBreakerOpen: {
    fires: { [`heimdall_grid_breakers_open{${replica},instance="a"}`]: '1x10' },
    quiet: { [`heimdall_grid_breakers_open{${replica},instance="a"}`]: '1 0x10' },
    minutes: 3,
  },
  HeimdallGridSplit: {
    // Three clusters of one.
    fires: Object.fromEntries(
      ['a', 'b', 'c'].flatMap((instance) => [
        [`up{${member},instance="${instance}"}`, '1x10'],
        [`hazelcast_cluster_members{${member},instance="${instance}"}`, '1x10'],
      ]),
    ),
    // The same where members are not scraped, as those of the operator are not.
    alsoFires: Object.fromEntries(
      ['a', 'b', 'c'].flatMap((instance) => [
        [`heimdall_grid_connected{${replica},instance="${instance}"}`, '1x10'],
        [`heimdall_grid_members{${replica},instance="${instance}"}`, '1x10'],
      ]),
    ),
    quiet: Object.fromEntries(
      ['a', 'b', 'c'].flatMap((instance) => [
        [`up{${member},instance="${instance}"}`, '1x10'],
        [`hazelcast_cluster_members{${member},instance="${instance}"}`, '3x10'],
        [`heimdall_grid_connected{${replica},instance="${instance}"}`, '1x10'],
        [`heimdall_grid_members{${replica},instance="${instance}"}`, '3x10'],
      ]),
    ),
    minutes: 6,
  },
  HeimdallGridMemberDown: {
    fires: { [`up{${member},instance="a"}`]: '0x10' },
    quiet: { [`up{${member},instance="a"}`]: '1x10' },
    minutes: 4,
  },
  HeimdallGridMemoryShort: {
    fires: {
      [`hazelcast_heap_used_bytes{${member},instance="a"}`]: '95x40',
      [`hazelcast_heap_max_bytes{${member},instance="a"}`]: '100x40',
    },
    quiet: {
      [`hazelcast_heap_used_bytes{${member},instance="a"}`]: '95x5 50x40',
      [`hazelcast_heap_max_bytes{${member},instance="a"}`]: '100x50',
    },
    minutes: 20,
  },
  HeimdallEntriesNotBelieved: {
    fires: {
      [`heimdall_grid_entries_dropped_total{${replica},reason="unauthenticated"}`]: '0+60x60',
    },
    quiet: { [`heimdall_grid_entries_dropped_total{${replica},reason="expired"}`]: '0+60x60' },
    minutes: 20,
  },
  HeimdallClockSkew: {
    fires: { [`heimdall_grid_clock_skew_seconds{${replica},instance="a"}`]: '-3x40' },
    quiet: { [`heimdall_grid_clock_skew_seconds{${replica},instance="a"}`]: '0.02x40' },
    minutes: 15,
  },
  HeimdallCertificateEnds: {
    // Ten and thirty days from the beginning of the test's time.
    fires: { [`heimdall_certificate_expiry_timestamp_seconds{${replica}}`]: '864000x90' },
    quiet: { [`heimdall_certificate_expiry_timestamp_seconds{${replica}}`]: '2592000x90' },
    minutes: 65,
  },
  HeimdallConfigRefused: {
    fires: { [`heimdall_config_reloads_total{${replica},result="failure"}`]: '0 0 0 1x10' },
    quiet: { [`heimdall_config_reloads_total{${replica},result="success"}`]: '0 0 0 1x10' },
    minutes: 8,
  },
  HeimdallVersionsMixed: {
    fires: {
      [`heimdall_build_info{${replica},instance="a",version="1.0.0"}`]: '1x90',
      [`heimdall_build_info{${replica},instance="b",version="1.1.0"}`]: '1x90',
    },
    quiet: {
      [`heimdall_build_info{${replica},instance="a",version="1.1.0"}`]: '1x90',
      [`heimdall_build_info{${replica},instance="b",version="1.1.0"}`]: '1x90',
    },
    minutes: 65,
  },
};

import type { GridMember } from '../grid/grid.ts';
import type { Switches } from '../grid/switches.ts';
import type { ServerState } from '../upstream/health-board.ts';

/** A replica as this one knows it. */
export interface ClusterReplica {
  readonly id: string;
  readonly address: string;
  readonly version: string;
  /** ISO 8601, by the clock of the grid; null while that is not known. */
  readonly startedAt: string | null;
  readonly switches: Switches;
  /** Answers since its start. */
  readonly answers: number;
  /** Which share of them each layer gave, from 0 to 1. */
  readonly shares: Readonly<Record<string, number>>;
}

/** What the replicas think of one upstream. */
export interface ClusterUpstream {
  readonly server: string;
  readonly agreed: 'up' | 'down' | 'unknown';
  readonly views: readonly ClusterUpstreamView[];
}

export interface ClusterUpstreamView {
  readonly replica: string;
  readonly state: ServerState;
  readonly smoothedRttMs: number | null;
}

/** The cluster as one replica sees it: the answer of `GET /api/v1/cluster`. */
export interface ClusterView {
  /** `off`: no grid is configured. */
  readonly state: 'off' | 'connected' | 'lost';
  /** The replica that tells this. */
  readonly replica: string | null;
  /** How far its wall clock is ahead of the grid's; null while that is not known. */
  readonly clockOffsetMs: number | null;
  readonly members: readonly GridMember[];
  /** Ids of members that are left out because they are late with most calls. */
  readonly breakersOpen: readonly string[];
  /** Those that are there, the one that tells this first. */
  readonly replicas: readonly ClusterReplica[];
  readonly upstreams: readonly ClusterUpstream[];
  /** What asking for leases came to here, since the start. */
  readonly leases: Readonly<Record<string, number>>;
}

/** No grid is configured. */
export const noCluster: ClusterView = {
  state: 'off',
  replica: null,
  clockOffsetMs: null,
  members: [],
  breakersOpen: [],
  replicas: [],
  upstreams: [],
  leases: {},
};

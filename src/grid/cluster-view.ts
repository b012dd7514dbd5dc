import type { ClusterReplica, ClusterUpstream, ClusterView } from '../telemetry/cluster-view.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridClock } from './grid-clock.ts';
import type { GridFigures } from './grid-figures.ts';
import type { GridHealthBoard } from './grid-health-board.ts';
import type { ReplicaEntry } from './replica-entry.ts';
import type { ReplicaRegistry } from './replica-registry.ts';

/** What the cluster is seen by. */
export interface ClusterParts {
  readonly replicaId: string;
  readonly caller: Pick<GridCaller, 'session' | 'openBreakers'>;
  readonly registry: Pick<ReplicaRegistry, 'alive'>;
  readonly healthBoard: Pick<GridHealthBoard, 'views' | 'fold'>;
  readonly gridClock: Pick<GridClock, 'skewMs'>;
  readonly figures: Pick<GridFigures, 'leases'>;
}

/** The cluster as this replica sees it now; asks nobody. */
export function clusterViewOf(parts: ClusterParts): ClusterView {
  const { replicaId, caller, registry, gridClock, figures } = parts;
  const skewMs = gridClock.skewMs();
  return {
    state: caller.session === undefined ? 'lost' : 'connected',
    replica: replicaId,
    clockOffsetMs: skewMs === undefined ? null : Math.round(skewMs),
    members: caller.session?.members() ?? [],
    breakersOpen: caller.openBreakers,
    replicas: registry.alive().map(replicaView),
    upstreams: upstreamsOf(parts),
    leases: { ...figures.leases },
  };
}

function replicaView(entry: ReplicaEntry): ClusterReplica {
  const { id, address, version, startedGridMs, switches, answers } = entry;
  const sum = Object.values(answers).reduce((all, count) => all + count, 0);
  const share = (count: number): number => Math.round((count / sum) * 10_000) / 10_000;
  const shares = Object.entries(answers).map(([layer, count]) => [layer, share(count)] as const);
  return {
    id,
    address,
    version,
    startedAt: startedGridMs === undefined ? null : isoOf(startedGridMs),
    switches,
    answers: sum,
    shares: sum === 0 ? {} : Object.fromEntries(shares),
  };
}

/** Undefined moments cannot be told: an entry of the grid may claim any number. */
function isoOf(unixMs: number): string | null {
  const date = new Date(unixMs);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function upstreamsOf({ healthBoard }: ClusterParts): ClusterUpstream[] {
  const views = healthBoard.views();
  const servers = new Set(views.flatMap((view) => [...view.servers.keys()]));
  return Array.from(servers, (server) => ({
    server,
    agreed: healthBoard.fold(server),
    views: views.flatMap(({ replica, servers: seen }) => {
      const view = seen.get(server);
      if (view === undefined) return [];
      const { state, smoothedRttMs } = view;
      const rttMs = smoothedRttMs === undefined ? null : Math.round(smoothedRttMs * 100) / 100;
      return [{ replica, state, smoothedRttMs: rttMs }];
    }),
  }));
}

import type { ServerState, ServerView } from '../upstream/health-board.ts';
import { asRecord } from './sealed-json.ts';

/** What one replica says of every upstream. */
export interface ReplicaHealth {
  readonly replica: string;
  /** By the text of the upstream. */
  readonly servers: ReadonlyMap<string, ServerView>;
  /** When it was heard of, on our monotonic clock. */
  readonly heardAtMs: number;
}

/** Upstreams in one view; more than this nobody configures. */
const serversMax = 1000;
const states: readonly ServerState[] = ['up', 'down', 'loop', 'unknown'];

function finiteOrUndefined(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function readView(value: unknown): ServerView | undefined {
  const { state, reason, smoothedRttMs, rttVariationMs, responses } = asRecord(value);
  const known = states.find((candidate) => candidate === state);
  if (known === undefined) return undefined;
  return {
    state: known,
    reason: typeof reason === 'string' ? reason.slice(0, 200) : '',
    smoothedRttMs: finiteOrUndefined(smoothedRttMs),
    rttVariationMs: finiteOrUndefined(rttVariationMs),
    responses: finiteOrUndefined(responses) ?? 0,
  };
}

/** The views in a published value; what is no view is left out. */
export function readViews(value: unknown): ReadonlyMap<string, ServerView> {
  const views = new Map<string, ServerView>();
  for (const [server, view] of Object.entries(asRecord(value)).slice(0, serversMax)) {
    const read = readView(view);
    if (read !== undefined) views.set(server, read);
  }
  return views;
}

/**
 * What the replicas agree upon: `down` when more than half of those that have an opinion say so,
 * and at least two of them; a single replica's broken network takes nothing away from the others.
 */
export function foldState(
  replicas: readonly ReplicaHealth[],
  server: string,
): 'up' | 'down' | 'unknown' {
  let up = 0;
  let down = 0;
  for (const { servers } of replicas) {
    const state = servers.get(server)?.state;
    if (state === 'up') up++;
    else if (state === 'down' || state === 'loop') down++;
  }
  if (down >= 2 && down > up) return 'down';
  return up > 0 ? 'up' : 'unknown';
}

/** The mean of the replicas' smoothed round trip times, weighted by how many responses each had. */
export function foldEstimateMs(
  replicas: readonly ReplicaHealth[],
  server: string,
): number | undefined {
  let weights = 0;
  let sumMs = 0;
  for (const { servers } of replicas) {
    const view = servers.get(server);
    if (view?.smoothedRttMs === undefined || view.responses === 0) continue;
    const weight = Math.min(view.responses, weightMax);
    weights += weight;
    sumMs += view.smoothedRttMs * weight;
  }
  return weights === 0 ? undefined : sumMs / weights;
}

/** Responses beyond this make an estimate no better: a smoothed time forgets the older ones. */
const weightMax = 100;

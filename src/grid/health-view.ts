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

/** How one replica sees one upstream, with ages as they are now. */
interface Opinion {
  readonly replica: string;
  readonly state: ServerState;
  /** Infinite without one. */
  readonly successAgeMs: number;
  readonly failureAgeMs: number;
}

/** What the replicas say of an upstream, those that abstain left out. */
export interface Votes {
  readonly up: readonly string[];
  readonly down: readonly string[];
}

/**
 * A failure is known when the wait for a response ends: an answer that somebody else got while it
 * lasted contradicts it as much as a later one does (`upstream.health.failureTimeoutMs`).
 */
const failureWindowMs = 1000;

/** Upstreams in one view; more than this nobody configures. */
const serversMax = 1000;
const states: readonly ServerState[] = ['up', 'down', 'loop', 'unknown'];

function finiteOrUndefined(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function readView(value: unknown): ServerView | undefined {
  const { state, reason, smoothedRttMs, rttVariationMs, responses, ...ages } = asRecord(value);
  const known = states.find((candidate) => candidate === state);
  if (known === undefined) return undefined;
  return {
    state: known,
    reason: typeof reason === 'string' ? reason.slice(0, 200) : '',
    smoothedRttMs: finiteOrUndefined(smoothedRttMs),
    rttVariationMs: finiteOrUndefined(rttVariationMs),
    responses: finiteOrUndefined(responses) ?? 0,
    sinceSuccessMs: finiteOrUndefined(ages['sinceSuccessMs']),
    sinceFailureMs: finiteOrUndefined(ages['sinceFailureMs']),
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

function opinionsOf(
  replicas: readonly ReplicaHealth[],
  server: string,
  nowMs: number,
): readonly Opinion[] {
  return replicas.flatMap(({ replica, servers, heardAtMs }) => {
    const view = servers.get(server);
    if (view === undefined || view.state === 'unknown') return [];
    const heardMs = nowMs - heardAtMs;
    const successAgeMs = heardMs + (view.sinceSuccessMs ?? Number.POSITIVE_INFINITY);
    const failureAgeMs = heardMs + (view.sinceFailureMs ?? Number.POSITIVE_INFINITY);
    return [{ replica, state: view.state, successAgeMs, failureAgeMs }];
  });
}

/** Age of the newest failure of those that find an upstream out; infinite where none does. */
export function newestFailureMs(
  replicas: readonly ReplicaHealth[],
  server: string,
  nowMs: number,
): number {
  const out = opinionsOf(replicas, server, nowMs).filter(({ state }) => state !== 'up');
  return Math.min(Number.POSITIVE_INFINITY, ...out.map(({ failureAgeMs }) => failureAgeMs));
}

/**
 * Who finds an upstream up, and who out. Where anyone finds it out, a replica that had no answer
 * from it since says nothing: that it was up before is no opinion of what happened then.
 */
export function votesOf(replicas: readonly ReplicaHealth[], server: string, nowMs: number): Votes {
  const opinions = opinionsOf(replicas, server, nowMs);
  const down = opinions.filter(({ state }) => state !== 'up');
  const failureAgeMs = newestFailureMs(replicas, server, nowMs);
  const up = opinions.filter(({ state, successAgeMs }) => {
    return state === 'up' && (down.length === 0 || successAgeMs < failureAgeMs + failureWindowMs);
  });
  return { up: up.map(({ replica }) => replica), down: down.map(({ replica }) => replica) };
}

/**
 * What the replicas agree upon: `down` when more than half of those that vote say so, and at least
 * two of them; a single replica's broken network takes nothing away from the others.
 */
export function foldState(
  replicas: readonly ReplicaHealth[],
  server: string,
  nowMs: number,
): 'up' | 'down' | 'unknown' {
  const { up, down } = votesOf(replicas, server, nowMs);
  if (down.length >= 2 && down.length > up.length) return 'down';
  return up.length > 0 ? 'up' : 'unknown';
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

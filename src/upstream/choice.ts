import type { Random } from '../base/random.ts';
import type { HealthBoard } from './health-board.ts';
import type { Strategy, UpstreamOptions } from './options.ts';
import type { Server } from './server.ts';
import { isIn } from './usable.ts';

/** Upstreams in the order in which they are asked. */
export interface Choice {
  /** How many are asked at once. */
  readonly width: number;
  readonly preferred: readonly Server[];
  /** Those that are out: the last resort when no other responds. */
  readonly reserve: readonly Server[];
}

/** What a choice depends on. */
export interface ChoiceDeps {
  readonly random: Random;
  readonly healthBoard: HealthBoard;
  readonly options: UpstreamOptions;
}

/** Orders the upstreams of a route by its strategy; those that lead back to us are left out. */
export function choose(servers: readonly Server[], strategy: Strategy, deps: ChoiceDeps): Choice {
  const candidates = servers.filter(({ health }) => health.state !== 'loop');
  const preferred = candidates.filter((server) => isIn(server, deps.healthBoard));
  const reserve = candidates.filter((server) => !preferred.includes(server)).sort(byHealth);
  if (strategy === 'sequential') return { width: 1, preferred, reserve };
  const width = strategy === 'parallel' ? Math.max(1, deps.options.parallelism) : 1;
  return { width, preferred: explore(preferred.sort(bySpeed), deps), reserve };
}

/** An upstream without any estimate comes first, or it would never get one. */
function bySpeed(one: Server, other: Server): number {
  return (one.estimateMs ?? 0) - (other.estimateMs ?? 0);
}

function byHealth(one: Server, other: Server): number {
  return one.health.failuresInARow - other.health.failuresInARow || bySpeed(one, other);
}

/** Now and then another one goes first: an upstream that became fast must be noticed. */
function explore(ordered: readonly Server[], { random, options }: ChoiceDeps): readonly Server[] {
  if (ordered.length < 2 || random.fraction() >= options.explorationShare) return ordered;
  const index = 1 + Math.floor(random.fraction() * (ordered.length - 1));
  const explored = ordered[index];
  if (explored === undefined) return ordered;
  return [explored, ...ordered.filter((server) => server !== explored)];
}

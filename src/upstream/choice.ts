import type { Random } from '../base/random.ts';
import type { HealthBoard } from './health-board.ts';
import type { Strategy, UpstreamOptions } from './options.ts';
import type { Server } from './server.ts';
import { isIn } from './usable.ts';

/** Upstreams that may be asked together or one after the other. */
export interface Tier {
  /** 0 for the best way of asking an upstream, 1 for the second best, and so on. */
  readonly rank: number;
  readonly servers: readonly Server[];
}

/** Upstreams in the order in which they are asked. */
export interface Choice {
  /** How many are asked at once. */
  readonly width: number;
  /**
   * A later one comes into play where none of the earlier responded; those that are out are the
   * last. None is empty.
   */
  readonly tiers: readonly Tier[];
}

/** What a choice depends on. */
export interface ChoiceDeps {
  readonly random: Random;
  readonly healthBoard: HealthBoard;
  readonly options: UpstreamOptions;
}

/** Orders the upstreams of a route by its strategy; those that lead back to us are left out. */
export function choose(
  tiers: readonly (readonly Server[])[],
  strategy: Strategy,
  deps: ChoiceDeps,
): Choice {
  const preferred: Tier[] = [];
  const reserve: Tier[] = [];
  for (const [rank, tier] of tiers.entries()) {
    const candidates = tier.filter(({ health }) => health.state !== 'loop');
    const usable = candidates.filter((server) => isIn(server, deps.healthBoard));
    const out = candidates.filter((server) => !usable.includes(server)).sort(byHealth);
    if (out.length > 0) reserve.push({ rank, servers: out });
    if (usable.length === 0) continue;
    const isOrdered = strategy === 'sequential';
    preferred.push({ rank, servers: isOrdered ? usable : explore(usable.sort(bySpeed), deps) });
  }
  const width = strategy === 'parallel' ? Math.max(1, deps.options.parallelism) : 1;
  return { width, tiers: [...preferred, ...reserve] };
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

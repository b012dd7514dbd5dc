import type { Random } from '../base/random.ts';
import type { HealthBoard } from './health-board.ts';
import type { Strategy, UpstreamOptions } from './options.ts';
import type { Server } from './server.ts';
import { isIn } from './usable.ts';

/** Upstreams in the order in which they are asked. */
export interface Choice {
  /** How many are asked at once. */
  readonly width: number;
  /** In tiers: whatever is of a later one is not asked while one of an earlier may still answer. */
  readonly preferred: readonly (readonly Server[])[];
  /** Those that are out, in tiers as well: the last resort when no other responds. */
  readonly reserve: readonly (readonly Server[])[];
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
  const candidates = tiers.map((tier) => tier.filter(({ health }) => health.state !== 'loop'));
  const inUse = candidates.map((tier) => tier.filter((one) => isIn(one, deps.healthBoard)));
  const out = candidates.map((tier, at) => tier.filter((one) => inUse[at]?.includes(one) !== true));
  const order = (servers: Server[]): readonly Server[] =>
    strategy === 'sequential' ? servers : explore(servers.sort(bySpeed), deps);
  return {
    width: strategy === 'parallel' ? Math.max(1, deps.options.parallelism) : 1,
    preferred: inUse.map(order).filter(isFilled),
    reserve: out.map((servers) => servers.sort(byHealth)).filter(isFilled),
  };
}

function isFilled(tier: readonly Server[]): boolean {
  return tier.length > 0;
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

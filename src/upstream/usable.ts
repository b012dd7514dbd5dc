import type { HealthBoard } from './health-board.ts';
import type { Server } from './server.ts';

/**
 * How long an answer that this replica got itself outweighs what the others say, until a probe of
 * its own has told: far longer than that takes.
 */
const ownSuccessMs = 10_000;

/**
 * Whether an upstream is asked in its turn. It is out when this replica found it so; or when the
 * replicas agree that it is, unless this one had an answer from it a moment ago, or later than
 * those had their failures: what is reachable from here is used, whatever others cannot reach.
 */
export function isIn(server: Server, healthBoard: HealthBoard): boolean {
  const { state, sinceSuccessMs } = server.health;
  if (state === 'down' || state === 'loop') return false;
  if (healthBoard.agreed(server.text) !== 'down') return true;
  return sinceSuccessMs < Math.max(ownSuccessMs, healthBoard.sinceFailureMs(server.text));
}

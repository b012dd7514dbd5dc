import { noBulletins } from '../cache/bulletins.ts';
import { noSharedCache } from '../cache/shared-cache.ts';
import { noPauseBulletins } from '../filter/filter-pauses.ts';
import { noSharedCopies } from '../filter/shared-copies.ts';
import { noLease } from '../flight/lease.ts';
import { NoHealthBoard } from '../upstream/health-board.ts';
import type { Coordination } from './resolver.ts';

/** Nothing behind the ports: a replica on its own. */
export function standalone(): Coordination {
  return {
    sharedCache: noSharedCache,
    lease: noLease,
    healthBoard: new NoHealthBoard(),
    sharedCopies: noSharedCopies,
    bulletins: { ...noBulletins, ...noPauseBulletins },
  };
}

import type { Clock } from '../base/clock.ts';
import type { Lease, LeaseResolution, LeaseResult, LeaseWon } from '../flight/lease.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Arrivals } from './arrivals.ts';
import type { GridCache } from './grid-cache.ts';
import type { CallResult, GridCaller } from './grid-caller.ts';
import type { GridFigures } from './grid-figures.ts';
import { gridKey, nxdomainGridKey } from './grid-key.ts';
import type { GridLock } from './grid.ts';
import { sharedFailure } from './lease-mark.ts';
import type { LeaseMarks } from './lease-marks.ts';
import type { SwitchBoard } from './switches.ts';

export interface LockLeaseOptions {
  readonly prefix: string;
  /** Locks that questions are spread over: a lock is never given back, so they are few. */
  readonly shards: number;
  readonly deadlineMs: number;
  readonly waitMaxMs: number;
}

export interface LockLeaseParts {
  readonly clock: Clock;
  readonly caller: GridCaller;
  readonly cache: GridCache;
  readonly marks: LeaseMarks;
  readonly arrivals: Arrivals;
  readonly switches: SwitchBoard;
  readonly figures: GridFigures;
  /** Whether a failure says something of this replica's network rather than of the question. */
  readonly isOwnFault: (outcome: Outcome & { kind: 'failure' }) => boolean;
}

const unlockDeadlineMs = 1000;

/** A lock held, and the fence to give back. */
interface Held {
  readonly lock: GridLock;
  readonly fence: bigint;
}

/**
 * Who asks upstream, by FencedLock of the CP Subsystem: the holder of the question's shard asks, and
 * unlocks when its answer is in L2. Strict, but slower than a lease: unlike questions of one shard
 * wait for each other. Where the grid has no CP Subsystem every replica asks for itself.
 */
export class LockLease implements Lease {
  readonly #options: LockLeaseOptions;
  readonly #parts: LockLeaseParts;

  constructor(options: LockLeaseOptions, parts: LockLeaseParts) {
    this.#options = options;
    this.#parts = parts;
  }

  async acquire(key: Buffer): Promise<LeaseResult> {
    const { switches, figures } = this.#parts;
    const { deduplication, sharedCache } = switches.current;
    const isOn = deduplication === 'on' && sharedCache === 'on';
    if (!isOn || !this.#parts.cache.isReady) return { kind: 'unavailable' };
    const first = await this.#tryLock(key, 0);
    if (first.outcome !== 'ok') {
      const why = first.outcome === 'failed' ? 'lock_unsupported' : 'unavailable';
      figures.leases[why]++;
      return { kind: 'unavailable' };
    }
    if (first.value !== undefined) {
      // The answer may have come between our look into L2 and the lock.
      const found = await this.#lookForEnd(key);
      if (found === undefined) return this.#won(key, first.value);
      this.#unlock(first.value);
      return { kind: 'held', resolution: Promise.resolve(found) };
    }
    figures.leases.held++;
    return { kind: 'held', resolution: this.#wait(key) };
  }

  #won(key: Buffer, held: Held): LeaseWon {
    this.#parts.figures.leases.won++;
    return { kind: 'won', settle: (outcome) => this.#settle(key, outcome, held) };
  }

  /** The lock is given back once what came of it is told: who has it next looks for that first. */
  #settle(key: Buffer, outcome: Outcome, held: Held): void {
    const { cache, marks, isOwnFault } = this.#parts;
    const place = gridKey(key);
    const unlock = (): void => this.#unlock(held);
    if (outcome.kind === 'answer') {
      cache.owe(key, { isAwaited: () => marks.isAwaited(place), ended: unlock });
    } else if (outcome.kind === 'drop' || isOwnFault(outcome)) unlock();
    else void marks.markFailed(place, outcome.code).then(unlock);
  }

  #unlock({ lock, fence }: Held): void {
    void this.#parts.caller.call({
      operation: 'unlock',
      deadlineMs: unlockDeadlineMs,
      run: () => lock.unlock(fence),
    });
  }

  /** A lock that comes when nobody waits for it any more is given back: it would stay ours for ever. */
  async #tryLock(key: Buffer, waitMs: number): Promise<CallResult<Held | undefined>> {
    const name = `${this.#options.prefix}.lock.${String(shardOf(key, this.#options.shards))}`;
    let isGivenUp = false;
    const result = await this.#parts.caller.call({
      operation: 'lock',
      deadlineMs: this.#options.deadlineMs + waitMs,
      run: async (session) => {
        const lock = await session.lock(name);
        const fence = await lock.tryLock(waitMs);
        if (fence === undefined) return undefined;
        if (isGivenUp) this.#unlock({ lock, fence });
        return { lock, fence };
      },
    });
    isGivenUp = result.outcome !== 'ok';
    return result;
  }

  /** The answer, or a failure that another replica met a moment ago. */
  async #lookForEnd(key: Buffer): Promise<LeaseResolution | undefined> {
    const { cache, marks, figures } = this.#parts;
    const [found, mark] = await Promise.all([cache.lookAgain(key), marks.read(gridKey(key))]);
    if (typeof found !== 'string') {
      figures.leases.answered++;
      return { kind: 'answer', found };
    }
    if (mark?.kind !== 'failed') return undefined;
    figures.leases.failure_shared++;
    return { kind: 'outcome', outcome: sharedFailure(mark.code) };
  }

  /** Until the answer or a failure appears, or the lock is free: then it is looked for once more. */
  #wait(key: Buffer): Promise<LeaseResolution> {
    const { arrivals, clock, figures, marks } = this.#parts;
    const { waitMaxMs } = this.#options;
    const { promise, resolve } = Promise.withResolvers<LeaseResolution>();
    let isOver = false;
    const look = (): void => {
      void this.#lookForEnd(key).then((found) => {
        if (found !== undefined) resolve(found);
      });
    };
    const leave = [gridKey(key), nxdomainGridKey(key)].map((place) => arrivals.await(place, look));
    const give = clock.setTimer(waitMaxMs, () => {
      figures.leases.in_vain++;
      resolve({ kind: 'in_vain' });
    });
    marks.leaveWaiting(gridKey(key), waitMaxMs);
    void this.#tryLock(key, waitMaxMs).then(async ({ ...result }) => {
      if (result.outcome !== 'ok' || result.value === undefined) return;
      const found = isOver ? undefined : await this.#lookForEnd(key);
      if (isOver || found !== undefined) this.#unlock(result.value);
      resolve(found ?? (isOver ? { kind: 'in_vain' } : this.#won(key, result.value)));
    });
    return promise.finally(() => {
      isOver = true;
      give.cancel();
      for (const stop of leave) stop();
    });
  }
}

function shardOf(key: Buffer, shards: number): number {
  let mixed = 0x811c_9dc5;
  for (const octet of key) mixed = Math.imul(mixed ^ octet, 0x0100_0193);
  return (mixed >>> 0) % shards;
}

import type { Clock } from '../base/clock.ts';
import type { Lease, LeaseResolution, LeaseResult, LeaseWon } from '../flight/lease.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Arrivals } from './arrivals.ts';
import type { GridCache } from './grid-cache.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridFigures } from './grid-figures.ts';
import { gridKey, nxdomainGridKey } from './grid-key.ts';
import { sharedFailure } from './lease-mark.ts';
import type { FoundMark, LeaseMarks } from './lease-marks.ts';
import type { SwitchBoard } from './switches.ts';

export interface GridLeaseOptions {
  /** How long to wait for another replica's answer: about a third of a client's patience. */
  readonly waitMaxMs: number;
}

export interface GridLeaseParts {
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

/** Should an event get lost, waiters look by themselves at these times after they began to wait. */
const lookTimesMs: readonly number[] = [150, 500, 1000];
/** Looks in a row that the grid did not answer, after which nothing is to be waited for. */
const unansweredLooksMax = 2;

/**
 * Who of all replicas asks upstream, by `putIfAbsent`. After a success the lease is left to expire:
 * a replica whose look into L2 raced the winner's write must not win a second one and ask again.
 * A failure is left in its place for a short while, so that the others do not repeat it
 * (RFC 9520); it lies in the map of leases, never over an answer.
 */
export class GridLease implements Lease {
  readonly #options: GridLeaseOptions;
  readonly #parts: GridLeaseParts;

  constructor(options: GridLeaseOptions, parts: GridLeaseParts) {
    this.#options = options;
    this.#parts = parts;
  }

  async acquire(key: Buffer): Promise<LeaseResult> {
    const { switches, figures, marks } = this.#parts;
    const { deduplication, sharedCache } = switches.current;
    // Without a shared cache there is no place where waiters could find the answer.
    const isOff = deduplication === 'off' || sharedCache === 'off';
    if (isOff || !this.#parts.cache.isReady) return { kind: 'unavailable' };
    if (deduplication === 'observe' || sharedCache === 'observe') {
      void marks.foretellHeld(gridKey(key)).then((isHeld) => {
        if (isHeld) figures.predictedHeld++;
      });
      return { kind: 'unavailable' };
    }
    const held = await marks.take(gridKey(key));
    if (held === undefined) {
      figures.leases.unavailable++;
      return { kind: 'unavailable' };
    }
    // Our own lease, left from the last time: nobody else asks, so we may.
    if (held === 'won' || marks.isOwn(held.mark)) return this.#won(key);
    figures.leases.held++;
    return { kind: 'held', resolution: this.#resolve(key, held) };
  }

  #won(key: Buffer): LeaseWon {
    this.#parts.figures.leases.won++;
    return { kind: 'won', settle: (outcome) => this.#settle(key, outcome) };
  }

  #settle(key: Buffer, outcome: Outcome): void {
    const { marks, isOwnFault } = this.#parts;
    const place = gridKey(key);
    if (outcome.kind === 'answer') this.#oweAnswer(key, outcome);
    else if (outcome.kind === 'drop' || isOwnFault(outcome)) marks.release(place);
    else void marks.markFailed(place, outcome.code);
  }

  /** Somebody may wait: it is shared however seldom it is asked for, or somebody else may ask. */
  #oweAnswer(key: Buffer, { answer, ageSeconds }: Outcome & { kind: 'answer' }): void {
    const { marks, cache } = this.#parts;
    const place = gridKey(key);
    const leftSeconds = answer.ttlSeconds - ageSeconds;
    if (leftSeconds <= 0) marks.release(place);
    else {
      cache.owe(key, {
        isAwaited: () => marks.isAwaitedElseRelease(place),
        ended: (how) => {
          if (how === 'written') marks.shorten(place, leftSeconds);
          else if (how === 'lost') marks.release(place);
        },
      });
    }
  }

  async #resolve(key: Buffer, held: FoundMark): Promise<LeaseResolution> {
    const { figures } = this.#parts;
    if (held.mark.kind === 'failed') {
      figures.leases.failure_shared++;
      return { kind: 'outcome', outcome: sharedFailure(held.mark.code) };
    }
    const resolution = await this.#wait(key, held);
    if (resolution.kind === 'in_vain') figures.leases.in_vain++;
    return resolution;
  }

  /**
   * Looks whenever something changes under the key, and at a few fixed times. The first look comes
   * at once: the answer may have been written between our look into L2 and our asking for the lease.
   * A grid that does not answer any more ends the wait.
   */
  #wait(key: Buffer, held: FoundMark): Promise<LeaseResolution> {
    const { clock, arrivals } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<LeaseResolution>();
    let isLooking = false;
    let lookOnceMore = false;
    let unanswered = 0;
    const look = (mayTryLease: boolean): void => {
      lookOnceMore = isLooking;
      if (isLooking) return;
      isLooking = true;
      void this.#lookForEnd(key, mayTryLease, woken).then((end) => {
        isLooking = false;
        unanswered = end === 'unavailable' ? unanswered + 1 : 0;
        const isSilent = unanswered >= unansweredLooksMax || !this.#parts.caller.isConnected;
        if (typeof end === 'object') resolve(end);
        else if (isSilent) resolve({ kind: 'in_vain' });
        else if (lookOnceMore) look(true);
      });
    };
    const woken = (): void => look(true);
    const timers = lookTimesMs.map((delayMs) => clock.setTimer(delayMs, woken));
    const give = clock.setTimer(this.#options.waitMaxMs, () => resolve({ kind: 'in_vain' }));
    const places = [gridKey(key), nxdomainGridKey(key)];
    const leave = places.map((place) => arrivals.await(place, woken));
    look(false);
    this.#tellWaiting(key, held, woken);
    return promise.finally(() => {
      for (const timer of [...timers, give]) timer.cancel();
      for (const stop of leave) stop();
    });
  }

  /** @param gone called when the lease is no longer what it was: it may be ours */
  #tellWaiting(key: Buffer, held: FoundMark, gone: () => void): void {
    void this.#parts.marks.tellWaiting(gridKey(key), held).then((isTold) => {
      if (!isTold) gone();
    });
  }

  /** The answer, a failure, or the lease itself when its holder gave it up. */
  async #lookForEnd(
    key: Buffer,
    mayTryLease: boolean,
    gone: () => void,
  ): Promise<LeaseResolution | 'absent' | 'unavailable'> {
    const { cache, figures, marks } = this.#parts;
    const found = await cache.lookAgain(key);
    if (typeof found === 'object') {
      figures.leases.answered++;
      return { kind: 'answer', found };
    }
    if (found === 'unavailable' || !mayTryLease) return found;
    const held = await marks.take(gridKey(key));
    if (held === 'won') return this.#won(key);
    if (held?.mark.kind !== 'failed') {
      if (held !== undefined) this.#tellWaiting(key, held, gone);
      return 'absent';
    }
    figures.leases.failure_shared++;
    return { kind: 'outcome', outcome: sharedFailure(held.mark.code) };
  }
}

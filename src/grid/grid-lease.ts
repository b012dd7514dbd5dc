import type { Clock } from '../base/clock.ts';
import type { Lease, LeaseResolution, LeaseResult, LeaseWon } from '../flight/lease.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Arrivals } from './arrivals.ts';
import type { GridCache } from './grid-cache.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridFigures } from './grid-figures.ts';
import { gridKey, nxdomainGridKey } from './grid-key.ts';
import type { GridMap } from './grid.ts';
import { decodeMark, encodeMark, sharedFailure } from './lease-mark.ts';
import type { LeaseMark } from './lease-mark.ts';
import type { Seal } from './seal.ts';
import type { SwitchBoard } from './switches.ts';

export interface GridLeaseOptions {
  readonly prefix: string;
  readonly replicaId: string;
  /** How long a query may wait to be told who asks. */
  readonly deadlineMs: number;
  /** How long a lease lives when its holder dies: longer than any fetch takes. */
  readonly leaseTtlMs: number;
  /** How long to wait for another replica's answer: about a third of a client's patience. */
  readonly waitMaxMs: number;
  /** How long a failure keeps the other replicas from asking. */
  readonly failureTtlSeconds: number;
}

export interface GridLeaseParts {
  readonly clock: Clock;
  readonly caller: GridCaller;
  readonly cache: GridCache;
  readonly arrivals: Arrivals;
  readonly seal: Seal;
  readonly switches: SwitchBoard;
  readonly figures: GridFigures;
}

/** Behind a call that nobody waits for. */
const backgroundDeadlineMs = 1000;
/** The grid cuts TTLs to whole seconds, so a lease asks for one more. */
const ttlSlackMs = 1000;
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
  readonly mapName: string;
  readonly #options: GridLeaseOptions;
  readonly #parts: GridLeaseParts;

  constructor(options: GridLeaseOptions, parts: GridLeaseParts) {
    this.mapName = `${options.prefix}.leases`;
    this.#options = options;
    this.#parts = parts;
  }

  async acquire(key: Buffer): Promise<LeaseResult> {
    const { switches, figures } = this.#parts;
    const { deduplication, sharedCache } = switches.current;
    // Without a shared cache there is no place where waiters could find the answer.
    const isOff = deduplication === 'off' || sharedCache === 'off';
    if (isOff || !this.#parts.cache.isReady) return { kind: 'unavailable' };
    if (deduplication === 'observe' || sharedCache === 'observe') {
      void this.#tryLease(key).then((held) => {
        if (held !== undefined && held !== 'won') figures.predictedHeld++;
      });
      return { kind: 'unavailable' };
    }
    const held = await this.#tryLease(key);
    if (held === undefined) {
      figures.leases.unavailable++;
      return { kind: 'unavailable' };
    }
    // Our own lease, left from the last time: nobody else asks, so we may.
    if (held === 'won' || this.#isOwn(held)) {
      figures.leases.won++;
      return this.#won(key);
    }
    figures.leases.held++;
    return { kind: 'held', resolution: this.#resolve(key, held) };
  }

  #isOwn(mark: LeaseMark): boolean {
    return mark.kind === 'holder' && mark.replica === this.#options.replicaId;
  }

  /**
   * @returns `won`, what lies there already, or undefined when the grid does not tell in time or
   *   what lies there is not to be believed
   */
  async #tryLease(key: Buffer): Promise<LeaseMark | 'won' | undefined> {
    const place = gridKey(key);
    const { leaseTtlMs, deadlineMs } = this.#options;
    const own = this.#ownMark(place);
    const result = await this.#parts.caller.call({
      operation: 'lease',
      key: place,
      deadlineMs,
      run: async (session) => {
        const map = await session.map(this.mapName);
        return map.putIfAbsent(place, own, leaseTtlMs + ttlSlackMs);
      },
    });
    if (result.outcome !== 'ok') return undefined;
    return result.value === undefined ? 'won' : this.#believed(place, result.value);
  }

  #believed(place: string, value: Buffer): LeaseMark | undefined {
    const { seal, figures } = this.#parts;
    const mark = decodeMark(this.#sealPlace(place), value, seal);
    if (typeof mark !== 'string') return mark;
    figures.dropped[mark]++;
    return undefined;
  }

  #ownMark(place: string): Buffer {
    const mark = { kind: 'holder', replica: this.#options.replicaId } as const;
    return encodeMark(this.#sealPlace(place), mark, this.#parts.seal);
  }

  /** What a mark is sealed to: it is worth nothing under another key. */
  #sealPlace(place: string): string {
    return `${this.mapName}/${place}`;
  }

  #won(key: Buffer): LeaseWon {
    return { kind: 'won', settle: (outcome) => this.#settle(key, outcome) };
  }

  #settle(key: Buffer, outcome: Outcome): void {
    const place = gridKey(key);
    if (outcome.kind === 'answer') {
      const leftSeconds = outcome.answer.ttlSeconds - outcome.ageSeconds;
      if (leftSeconds <= 0) this.#release(place);
      else if (leftSeconds * 1000 < this.#options.leaseTtlMs) this.#shorten(place, leftSeconds);
      // Somebody may wait: share it however seldom it is asked for, or let somebody else ask.
      this.#parts.cache.wanted(key, () => this.#release(place));
    } else if (outcome.kind === 'failure') this.#markFailed(place, outcome.code);
    else this.#release(place);
  }

  #release(place: string): void {
    const own = this.#ownMark(place);
    this.#background('release', place, (map) => map.removeIfSame(place, own));
  }

  /** The answer will be gone before the lease: whoever asks then must be able to win it. */
  #shorten(place: string, leftSeconds: number): void {
    const own = this.#ownMark(place);
    this.#background('release', place, (map) => map.set(place, own, Math.ceil(leftSeconds) * 1000));
  }

  #markFailed(place: string, code: number): void {
    const mark = encodeMark(this.#sealPlace(place), { kind: 'failed', code }, this.#parts.seal);
    const ttlMs = this.#options.failureTtlSeconds * 1000;
    this.#background('failure_mark', place, (map) => map.set(place, mark, ttlMs));
  }

  #background(
    operation: 'release' | 'failure_mark',
    key: string,
    run: (map: GridMap) => Promise<unknown>,
  ): void {
    void this.#parts.caller.call({
      operation,
      key,
      deadlineMs: backgroundDeadlineMs,
      run: async (session) => run(await session.map(this.mapName)),
    });
  }

  async #resolve(key: Buffer, mark: LeaseMark): Promise<LeaseResolution> {
    const { figures } = this.#parts;
    if (mark.kind === 'failed') {
      figures.leases.failure_shared++;
      return { kind: 'outcome', outcome: sharedFailure(mark.code) };
    }
    const resolution = await this.#wait(key);
    if (resolution.kind === 'in_vain') figures.leases.in_vain++;
    return resolution;
  }

  /**
   * Looks whenever something changes under the key, and at a few fixed times. The first look comes
   * at once: the answer may have been written between our look into L2 and our asking for the lease.
   * A grid that does not answer any more ends the wait.
   */
  #wait(key: Buffer): Promise<LeaseResolution> {
    const { clock, arrivals } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<LeaseResolution>();
    let isLooking = false;
    let lookOnceMore = false;
    let unanswered = 0;
    const look = (mayTryLease: boolean): void => {
      lookOnceMore = isLooking;
      if (isLooking) return;
      isLooking = true;
      void this.#lookForEnd(key, mayTryLease).then((end) => {
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
    return promise.finally(() => {
      for (const timer of [...timers, give]) timer.cancel();
      for (const stop of leave) stop();
    });
  }

  /** The answer, a failure, or the lease itself when its holder gave it up. */
  async #lookForEnd(
    key: Buffer,
    mayTryLease: boolean,
  ): Promise<LeaseResolution | 'absent' | 'unavailable'> {
    const { cache, figures } = this.#parts;
    const found = await cache.lookAgain(key);
    if (typeof found === 'object') {
      figures.leases.answered++;
      return { kind: 'answer', found };
    }
    if (found === 'unavailable' || !mayTryLease) return found;
    const held = await this.#tryLease(key);
    if (held === 'won') {
      figures.leases.won++;
      return this.#won(key);
    }
    if (held?.kind !== 'failed') return 'absent';
    figures.leases.failure_shared++;
    return { kind: 'outcome', outcome: sharedFailure(held.code) };
  }
}

import type { CallResult, GridCaller, GridOperation } from './grid-caller.ts';
import type { GridFigures } from './grid-figures.ts';
import type { GridMap } from './grid.ts';
import { decodeMark, encodeMark } from './lease-mark.ts';
import type { LeaseMark } from './lease-mark.ts';
import type { Seal } from './seal.ts';

export interface LeaseMarksOptions {
  readonly prefix: string;
  readonly replicaId: string;
  /** How long a query may wait to be told who asks. */
  readonly deadlineMs: number;
  /** How long a lease lives when its holder dies: longer than any fetch takes. */
  readonly leaseTtlMs: number;
  /** How long a failure keeps the other replicas from asking. */
  readonly failureTtlSeconds: number;
  /**
   * Not every answer is shared, so who waits for one says so. Without it everything is shared, and
   * nobody need say anything.
   */
  readonly tellsWaiting: boolean;
}

export interface LeaseMarksParts {
  readonly caller: GridCaller;
  readonly seal: Seal;
  readonly figures: GridFigures;
}

/** What lies under a key, and its bytes. */
export interface FoundMark {
  readonly mark: LeaseMark;
  readonly value: Buffer;
}

/** Behind a call that nobody waits for. */
const backgroundDeadlineMs = 1000;
/** The grid cuts TTLs to whole seconds, so a lease asks for one more. */
const ttlSlackMs = 1000;

/** The marks in the map of leases: who asks for what, who waits for it, and what failed just now. */
export class LeaseMarks {
  readonly mapName: string;
  readonly #options: LeaseMarksOptions;
  readonly #parts: LeaseMarksParts;

  constructor(options: LeaseMarksOptions, parts: LeaseMarksParts) {
    this.mapName = `${options.prefix}.leases`;
    this.#options = options;
    this.#parts = parts;
  }

  /**
   * Takes the lease where nothing lies.
   * @returns `won`, what lies there already, or undefined when the grid does not tell in time or
   *   what lies there is not to be believed
   */
  async take(place: string): Promise<FoundMark | 'won' | undefined> {
    const own = this.#own(place);
    const { leaseTtlMs } = this.#options;
    const result = await this.#query('lease', place, (map) =>
      map.putIfAbsent(place, own, leaseTtlMs + ttlSlackMs),
    );
    if (result.outcome !== 'ok') return undefined;
    return result.value === undefined ? 'won' : this.#believed(place, result.value);
  }

  async read(place: string): Promise<LeaseMark | undefined> {
    const result = await this.#query('lease', place, (map) => map.get(place));
    if (result.outcome !== 'ok' || result.value === undefined) return undefined;
    return this.#believed(place, result.value)?.mark;
  }

  isOwn(mark: LeaseMark): boolean {
    return mark.kind === 'holder' && mark.replica === this.#options.replicaId;
  }

  /**
   * Whether another replica would have asked. Leases taken to find that out lie apart from those
   * that are meant: nobody waits for a replica that only observes.
   */
  async foretellHeld(place: string): Promise<boolean> {
    const [meant, observed] = await Promise.all([this.read(place), this.take(`observed ${place}`)]);
    const marks = [meant, typeof observed === 'object' ? observed.mark : undefined];
    return marks.some((mark) => mark !== undefined && !this.isOwn(mark));
  }

  release(place: string): void {
    void this.#background('release', place, (map) => this.#remove(map, place));
  }

  /** The answer will be gone before the lease: whoever asks then must be able to win it. */
  shorten(place: string, leftSeconds: number): void {
    const ttlMs = Math.ceil(leftSeconds) * 1000;
    if (ttlMs >= this.#options.leaseTtlMs) return;
    const own = this.#own(place);
    void this.#background('release', place, (map) => map.set(place, own, ttlMs));
  }

  /** Resolves when it is told, or cannot be. */
  async markFailed(place: string, code: number): Promise<void> {
    const mark = encodeMark(this.#sealPlace(place), { kind: 'failed', code }, this.#parts.seal);
    const ttlMs = this.#options.failureTtlSeconds * 1000;
    await this.#background('failure_mark', place, (map) => map.set(place, mark, ttlMs));
  }

  /**
   * Tells the holder of a lease that somebody waits.
   * @returns whether it will know; not when its lease is gone
   */
  async tellWaiting(place: string, { mark, value }: FoundMark): Promise<boolean> {
    if (!this.#options.tellsWaiting || mark.kind !== 'holder' || mark.isAwaited) return true;
    const awaited = encodeMark(
      this.#sealPlace(place),
      { ...mark, isAwaited: true },
      this.#parts.seal,
    );
    const result = await this.#background('wait_mark', place, async (map) => {
      if (!(await map.replaceIfSame(place, value, awaited))) return false;
      await map.keepFor(place, this.#options.leaseTtlMs + ttlSlackMs);
      return true;
    });
    return result.outcome === 'ok' && result.value;
  }

  /** The same where the holder has a lock instead, which is looked at no less surely. */
  leaveWaiting(place: string, ttlMs: number): void {
    if (!this.#options.tellsWaiting) return;
    const { replicaId } = this.#options;
    const mark = { kind: 'holder', replica: replicaId, isAwaited: true } as const;
    const value = encodeMark(this.#sealPlace(place), mark, this.#parts.seal);
    void this.#background('wait_mark', place, (map) =>
      map.putIfAbsent(place, value, ttlMs + ttlSlackMs),
    );
  }

  /**
   * Gives the lease back, unless somebody has told to wait: one step, so that nobody who tells it
   * is overlooked, and who comes later finds no lease.
   * @returns whether somebody waits, or may
   */
  async isAwaitedElseRelease(place: string): Promise<boolean> {
    const own = this.#own(place);
    const result = await this.#background('release', place, (map) => map.removeIfSame(place, own));
    return result.outcome !== 'ok' || !result.value;
  }

  /** Whether somebody left word to wait; looked at by who holds a lock. */
  async isAwaited(place: string): Promise<boolean> {
    const mark = await this.read(place);
    return mark?.kind === 'holder' && mark.isAwaited;
  }

  async #remove(map: GridMap, place: string): Promise<void> {
    const isRemoved = await map.removeIfSame(place, this.#own(place));
    if (isRemoved || !this.#options.tellsWaiting) return;
    await map.removeIfSame(place, this.#own(place, true));
  }

  #own(place: string, isAwaited = false): Buffer {
    const mark = { kind: 'holder', replica: this.#options.replicaId, isAwaited } as const;
    return encodeMark(this.#sealPlace(place), mark, this.#parts.seal);
  }

  #believed(place: string, value: Buffer): FoundMark | undefined {
    const { seal, figures } = this.#parts;
    const mark = decodeMark(this.#sealPlace(place), value, seal);
    if (typeof mark !== 'string') return { mark, value };
    figures.dropped[mark]++;
    return undefined;
  }

  /** What a mark is sealed to: it is worth nothing under another key. */
  #sealPlace(place: string): string {
    return `${this.mapName}/${place}`;
  }

  #query<T>(
    operation: GridOperation,
    place: string,
    run: (map: GridMap) => Promise<T>,
  ): Promise<CallResult<T>> {
    return this.#call(operation, place, { deadlineMs: this.#options.deadlineMs, run });
  }

  #background<T>(
    operation: GridOperation,
    place: string,
    run: (map: GridMap) => Promise<T>,
  ): Promise<CallResult<T>> {
    return this.#call(operation, place, { deadlineMs: backgroundDeadlineMs, run });
  }

  #call<T>(
    operation: GridOperation,
    key: string,
    call: { readonly deadlineMs: number; readonly run: (map: GridMap) => Promise<T> },
  ): Promise<CallResult<T>> {
    return this.#parts.caller.call({
      operation,
      key,
      deadlineMs: call.deadlineMs,
      run: async (session) => call.run(await session.map(this.mapName)),
    });
  }
}

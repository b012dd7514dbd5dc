import type { Clock } from '../base/clock.ts';
import type { SharedCache } from '../cache/shared-cache.ts';
import type { AgedAnswer, Answer } from '../dns/answer.ts';
import { decodeEntry, encodeEntry } from './entry-codec.ts';
import type { GridCaller, GridOperation } from './grid-caller.ts';
import type { GridClock } from './grid-clock.ts';
import type { GridFigures, LookResult } from './grid-figures.ts';
import { gridKey, gridKeyOf, nxdomainGridKey } from './grid-key.ts';
import { Popularity } from './popularity.ts';
import type { Seal } from './seal.ts';
import type { SwitchBoard } from './switches.ts';
import { WriteBehind } from './write-behind.ts';

export interface GridCacheOptions {
  readonly prefix: string;
  /** How long a query may wait for L2. */
  readonly lookDeadlineMs: number;
  readonly shareDeadlineMs: number;
  /** Writes that wait; the oldest are dropped. */
  readonly writesMax: number;
  /** Times that a name must have been asked for here before its answer is shared; 1: every answer. */
  readonly popularityMin: number;
  /** How long after its expiry an answer may serve as a stale one. */
  readonly staleSecondsMax: number;
}

export interface GridCacheParts {
  readonly clock: Clock;
  readonly caller: GridCaller;
  readonly gridClock: GridClock;
  readonly seal: Seal;
  readonly switches: SwitchBoard;
  readonly figures: GridFigures;
}

/** How the sharing of an answer ended; `kept_back`: nobody asks for it often enough, or waits. */
export type ShareEnd = 'written' | 'lost' | 'kept_back';

/** What somebody may wait for. */
export interface OwedAnswer {
  /** Asked where it is asked for too seldom to be shared otherwise: whether anybody waits for it. */
  readonly isAwaited: () => Promise<boolean>;
  /** Called once, when it is in the grid or will not be. */
  readonly ended: (how: ShareEnd) => void;
}

/** The sweeper of the grid cuts TTLs to whole seconds, so it gets more than what it must hold. */
const sweeperSlackSeconds = 2;

/** An entry of the future by more than this was written by another clock. */
const futureMaxMs = 1000;

/** A look into L2, and how it ended. */
interface Looked {
  readonly result: LookResult;
  readonly found: AgedAnswer | undefined;
}

/** L2: answers in an IMap, sealed, with their age in grid time. */
export class GridCache implements SharedCache {
  readonly mapName: string;
  readonly #options: GridCacheOptions;
  readonly #parts: GridCacheParts;
  readonly #writes: WriteBehind;
  readonly #popularity = new Popularity();
  /** Answers that somebody may wait for, from when they arrive until they are shared: a few turns. */
  readonly #owed = new Map<string, OwedAnswer>();

  constructor(options: GridCacheOptions, parts: GridCacheParts) {
    this.mapName = `${options.prefix}.cache`;
    this.#options = options;
    this.#parts = parts;
    this.#writes = new WriteBehind(options.writesMax, () => {
      parts.figures.writesDropped++;
    });
  }

  async look(key: Buffer): Promise<AgedAnswer | undefined> {
    const { switches, figures } = this.#parts;
    const mode = switches.current.sharedCache;
    if (mode === 'off') return undefined;
    if (mode === 'observe') {
      void this.#look(key, 'look').then(({ result }) => {
        figures.predictedLooks[result]++;
      });
      return undefined;
    }
    const { result, found } = await this.#look(key, 'look');
    figures.looks[result]++;
    return found;
  }

  /** For a waiter who was woken: the fresh answer, if it is there now. */
  async lookAgain(key: Buffer): Promise<AgedAnswer | 'absent' | 'unavailable'> {
    const { result, found } = await this.#look(key, 'wait_look');
    if (result === 'hit' && found !== undefined) return found;
    return result === 'unavailable' ? 'unavailable' : 'absent';
  }

  /** A fresh answer by the text of its key, for the warm start. */
  async fetch(place: string, deadlineMs: number): Promise<AgedAnswer | undefined> {
    const { result, found } = await this.#get(place, 'warm_start', deadlineMs);
    return result === 'hit' ? found : undefined;
  }

  /** Whether answers can be shared at all: their age must be known. */
  get isReady(): boolean {
    return this.#parts.gridClock.nowMs() !== undefined;
  }

  share(key: Buffer, answer: Answer, ageSeconds: number): void {
    const { switches, clock } = this.#parts;
    const owed = this.#owed.get(gridKey(key));
    this.#owed.delete(gridKey(key));
    const receivedMs = clock.nowMs() - ageSeconds * 1000;
    const isOff = switches.current.sharedCache === 'off' || answer.ttlSeconds <= ageSeconds;
    const isPopular = !isOff && this.#popularity.count(key) >= this.#options.popularityMin;
    if (isPopular) void this.#send(key, answer, receivedMs).then(owed?.ended);
    else if (isOff) owed?.ended('kept_back');
    else void this.#shareIfAwaited(owed, () => this.#send(key, answer, receivedMs));
  }

  /** Another replica may wait for the answer to this key, which is shared next. */
  owe(key: Buffer, owed: OwedAnswer): void {
    this.#owed.set(gridKey(key), owed);
  }

  async #shareIfAwaited(
    owed: OwedAnswer | undefined,
    send: () => Promise<ShareEnd>,
  ): Promise<void> {
    if (owed !== undefined && (await owed.isAwaited())) {
      owed.ended(await send());
      return;
    }
    this.#parts.figures.unpopular++;
    owed?.ended('kept_back');
  }

  async #send(key: Buffer, answer: Answer, receivedMs: number): Promise<ShareEnd> {
    this.#parts.figures.shared++;
    const place = gridKeyOf(key, answer);
    const isWritten = await this.#writes.push(() => this.#write(place, answer, receivedMs));
    return isWritten ? 'written' : 'lost';
  }

  async #write(place: string, answer: Answer, receivedMs: number): Promise<boolean> {
    const { caller, gridClock, clock, seal } = this.#parts;
    const gridNowMs = gridClock.nowMs();
    if (gridNowMs === undefined) return false; // its age could not be told
    const ageMs = clock.nowMs() - receivedMs;
    // Rather too old than too young, here and in #judge: each side allows for its own uncertainty.
    const ttlsRightAtGridMs = gridNowMs - ageMs - gridClock.uncertaintyMs();
    const entry = { answer, ttlsRightAtGridMs };
    const sealed = encodeEntry(this.#place(place), entry, seal);
    const leftSeconds = answer.ttlSeconds - ageMs / 1000 + this.#options.staleSecondsMax;
    const ttlMs = Math.ceil(leftSeconds + sweeperSlackSeconds) * 1000;
    const { outcome } = await caller.call({
      operation: 'share',
      key: place,
      deadlineMs: this.#options.shareDeadlineMs,
      run: async (session) => (await session.map(this.mapName)).set(place, sealed, ttlMs),
    });
    return outcome === 'ok';
  }

  /** The answer to the question itself, and the NXDOMAIN of its name, asked for together. */
  async #look(key: Buffer, operation: GridOperation): Promise<Looked> {
    const [exact, nxdomain] = await Promise.all([
      this.#get(gridKey(key), operation),
      this.#get(nxdomainGridKey(key), operation),
    ]);
    if (exact.result === 'hit' || nxdomain.result === 'miss') return exact;
    if (nxdomain.result === 'hit' || exact.result === 'miss') return nxdomain;
    return exact.result === 'stale' ? exact : nxdomain;
  }

  async #get(
    place: string,
    operation: GridOperation,
    deadlineMs = this.#options.lookDeadlineMs,
  ): Promise<Looked> {
    const result = await this.#parts.caller.call({
      operation,
      key: place,
      deadlineMs,
      run: async (session) => (await session.map(this.mapName)).get(place),
    });
    if (result.outcome !== 'ok') return { result: 'unavailable', found: undefined };
    if (result.value === undefined) return { result: 'miss', found: undefined };
    return this.#judge(place, result.value);
  }

  /** Believes what authenticates, decodes, and is not too old; everything else is a miss. */
  #judge(place: string, sealed: Buffer): Looked {
    const { gridClock, seal, figures } = this.#parts;
    const entry = decodeEntry(this.#place(place), sealed, seal);
    const nowMs = gridClock.nowMs();
    if (typeof entry === 'string') {
      figures.dropped[entry]++;
      return { result: 'miss', found: undefined };
    }
    if (nowMs === undefined) return { result: 'unavailable', found: undefined };
    const ageMs = nowMs - entry.ttlsRightAtGridMs + gridClock.uncertaintyMs();
    if (ageMs < -futureMaxMs) {
      figures.dropped.expired++; // the grid's clock was set: how old it really is nobody knows
      return { result: 'miss', found: undefined };
    }
    const ageSeconds = Math.max(0, ageMs / 1000);
    const { answer } = entry;
    if (ageSeconds < answer.ttlSeconds) return { result: 'hit', found: { answer, ageSeconds } };
    if (ageSeconds <= answer.ttlSeconds + this.#options.staleSecondsMax) {
      return { result: 'stale', found: { answer, ageSeconds } };
    }
    figures.dropped.expired++;
    return { result: 'miss', found: undefined };
  }

  /** What an entry is sealed to: it is worth nothing under another key or in another map. */
  #place(key: string): string {
    return `${this.mapName}/${key}`;
  }
}

import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridSession } from './grid.ts';
import type { Seal } from './seal.ts';

export interface SeedParts {
  readonly clock: Clock;
  readonly caller: GridCaller;
  readonly seal: Seal;
  readonly prefix: string;
}

/** Whoever makes something from chance that all replicas must make alike. */
export interface SeedHolder {
  readonly seed: Buffer;
  adopt(seed: Buffer): void;
}

const deadlineMs = 2000;
/** The halves of a grid that was split may have agreed on two. */
const agreeIntervalMs = 60_000;
/** Without an end: what is made from it changes by itself. */
const ttlMs = 0;
const key = 'cookies';

/**
 * The seed of the server cookies, agreed by all replicas: the first one stores its own, the others
 * take that over. A grid that lost everything gets the same one back from whoever comes first.
 */
export class GridSeed {
  readonly #parts: SeedParts;
  readonly #mapName: string;
  #holder: SeedHolder | undefined;
  #timer: Timer | undefined;

  constructor(parts: SeedParts) {
    this.#parts = parts;
    this.#mapName = `${parts.prefix}.seeds`;
  }

  /** Agrees with the others from now on, whenever the grid is there. */
  start(holder: SeedHolder): void {
    this.#holder = holder;
    this.#timer = repeat(this.#parts.clock, agreeIntervalMs, () => void this.agree());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Called for each session as well. Never rejects; without an answer the holder keeps its own. */
  async agree(): Promise<void> {
    const { caller, seal } = this.#parts;
    const holder = this.#holder;
    if (holder === undefined || !caller.isConnected) return;
    const place = `${this.#mapName}/${key}`;
    const own = seal.seal(place, holder.seed);
    const stored = await caller.call({
      operation: 'seed',
      key,
      deadlineMs,
      run: async (session) => putOrGet(session, this.#mapName, own),
    });
    if (stored.outcome !== 'ok' || stored.value === undefined) return;
    const found = seal.open(place, stored.value);
    if (typeof found !== 'string') holder.adopt(found);
  }
}

async function putOrGet(
  session: GridSession,
  mapName: string,
  own: Buffer,
): Promise<Buffer | undefined> {
  return (await session.map(mapName)).putIfAbsent(key, own, ttlMs);
}

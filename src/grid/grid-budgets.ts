import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridFigures } from './grid-figures.ts';
import type { Seal } from './seal.ts';
import { asRecord, openJson, sealJson } from './sealed-json.ts';

/** How much a client asks: its prefix as text, and queries a second. */
export interface ClientDemand {
  readonly prefix: string;
  readonly queriesPerSecond: number;
}

/** Port to who limits the clients of this replica. */
export interface ClientBudgets {
  /** The busiest clients since the last call; mostly none. */
  takeDemand(elapsedMs: number, prefixesMax: number): readonly ClientDemand[];
  /** What these clients ask at other replicas: queries a second by prefix. */
  setDemandElsewhere(own: readonly ClientDemand[], elsewhere: ReadonlyMap<string, number>): void;
}

export interface BudgetParts {
  readonly clock: Clock;
  readonly caller: GridCaller;
  readonly seal: Seal;
  readonly figures: GridFigures;
  readonly prefix: string;
  readonly replicaId: string;
}

const intervalMs = 1000;
/** What a replica told is believed so long; the grid forgets it by itself. */
const ttlMs = 3000;
const deadlineMs = 500;
/** Clients told by a replica: a flood comes from a few, and an entry stays at some kilobytes. */
const prefixesMax = 50;

/**
 * One budget for a client, however it spreads its queries over the replicas. Each replica tells what its
 * busiest clients ask, and reads what they ask elsewhere; a client that asks more than its budget in all
 * has of it at each replica the part that it asks there. Nobody waits for it, a replica without a busy client
 * leaves the grid alone, and without an answer of the grid each has the whole budget.
 */
export class GridBudgets {
  readonly #parts: BudgetParts;
  readonly #mapName: string;
  #budgets: ClientBudgets | undefined;
  #timer: Timer | undefined;
  #lookedAtMs = 0;

  constructor(parts: BudgetParts) {
    this.#parts = parts;
    this.#mapName = `${parts.prefix}.budgets`;
  }

  start(budgets: ClientBudgets): void {
    const { clock } = this.#parts;
    this.#budgets = budgets;
    this.#lookedAtMs = clock.nowMs();
    this.#timer = repeat(clock, intervalMs, () => void this.#exchange());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Never rejects. */
  async #exchange(): Promise<void> {
    const { clock } = this.#parts;
    const budgets = this.#budgets;
    const nowMs = clock.nowMs();
    const elapsedMs = nowMs - this.#lookedAtMs;
    if (budgets === undefined || elapsedMs <= 0) return;
    this.#lookedAtMs = nowMs;
    const own = budgets.takeDemand(elapsedMs, prefixesMax);
    if (own.length > 0) budgets.setDemandElsewhere(own, await this.#askOthers(own));
  }

  async #askOthers(own: readonly ClientDemand[]): Promise<ReadonlyMap<string, number>> {
    const { caller, seal, replicaId } = this.#parts;
    const value = sealJson(seal, `${this.#mapName}/${replicaId}`, own);
    const told = await caller.call({
      operation: 'budgets',
      deadlineMs,
      run: async (session) => {
        const map = await session.map(this.#mapName);
        await map.set(replicaId, value, ttlMs);
        return map.entries();
      },
    });
    const elsewhere = new Map<string, number>();
    if (told.outcome !== 'ok') return elsewhere;
    for (const [replica, sealed] of told.value) {
      if (replica !== replicaId) this.#add(replica, sealed, elsewhere);
    }
    return elsewhere;
  }

  #add(replica: string, sealed: Buffer, elsewhere: Map<string, number>): void {
    const { seal, figures } = this.#parts;
    const opened = openJson(seal, `${this.#mapName}/${replica}`, sealed);
    if (typeof opened === 'string') {
      figures.dropped[opened]++;
      return;
    }
    const list = Array.isArray(opened.value) ? opened.value.slice(0, prefixesMax) : [];
    for (const { prefix, queriesPerSecond } of list.map(asRecord)) {
      if (typeof prefix !== 'string' || typeof queriesPerSecond !== 'number') continue;
      if (queriesPerSecond > 0) {
        elsewhere.set(prefix, (elsewhere.get(prefix) ?? 0) + queriesPerSecond);
      }
    }
  }
}

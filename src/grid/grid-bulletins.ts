import { BoundedMap } from '../base/bounded-map.ts';
import { MalformedName } from '../base/errors.ts';
import type { FilterPause, PauseBulletins } from '../filter/filter-pauses.ts';
import type { Bulletins, Flush } from '../cache/bulletins.ts';
import { formatName, isAtOrBelow, parseName } from '../dns/name.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridFigures } from './grid-figures.ts';
import { nameInGridKey } from './grid-key.ts';
import type { GridMap, GridSession } from './grid.ts';
import { asRecord, openJson, sealJson } from './sealed-json.ts';
import type { Seal } from './seal.ts';

export interface BulletinsOptions {
  readonly prefix: string;
  readonly replicaId: string;
}

export interface BulletinsParts {
  readonly caller: GridCaller;
  readonly seal: Seal;
  readonly figures: GridFigures;
}

/** A bulletin stays so long, for replicas that were cut off for a moment. */
const bulletinTtlMs = 60_000;
const deadlineMs = 2000;
/** Bulletins remembered, so that none is applied twice: more than come in a minute. */
const heardMax = 1000;

/**
 * Flushes, and pauses of the filter, for all replicas: each is an entry in an IMap, heard by an entry listener at once, and
 * read again after a reconnect. Whoever publishes a flush also removes the answers and leases in the grid.
 */
export class GridBulletins implements Bulletins, PauseBulletins {
  readonly mapName: string;
  readonly #options: BulletinsOptions;
  readonly #parts: BulletinsParts;
  readonly #heard = new BoundedMap<string, true>(heardMax);
  #apply: (flush: Flush) => void = () => undefined;
  #applyPause: (pause: FilterPause) => void = () => undefined;
  #sent = 0;

  constructor(options: BulletinsOptions, parts: BulletinsParts) {
    this.mapName = `${options.prefix}.bulletins`;
    this.#options = options;
    this.#parts = parts;
  }

  onFlush(apply: (flush: Flush) => void): void {
    this.#apply = apply;
  }

  publishFlush(flush: Flush): void {
    void this.#removeAndTell(this.#nextKey(), flush);
  }

  onPause(apply: (pause: FilterPause) => void): void {
    this.#applyPause = apply;
  }

  publishPause({ group, durationMs }: FilterPause): void {
    void this.#tell(this.#nextKey(), { kind: 'pause', group, durationMs });
  }

  #nextKey(): string {
    this.#sent++;
    const key = `${this.#options.replicaId}/${String(this.#sent)}`;
    this.#heard.set(key, true);
    return key;
  }

  /** Hears the others from now on. */
  async listen(session: GridSession): Promise<void> {
    const map = await session.map(this.mapName);
    await map.listen(true, {
      written: (key, value) => {
        if (value !== undefined) this.#hear(key, value);
      },
      removed: () => undefined,
    });
  }

  /** What was told while we were away; called for each session. Never rejects. */
  async catchUp(session: GridSession): Promise<void> {
    const missed = await this.#parts.caller.call({
      operation: 'bulletin',
      deadlineMs,
      run: async () => (await session.map(this.mapName)).entries(),
    });
    if (missed.outcome !== 'ok') return;
    for (const [key, value] of missed.value) this.#hear(key, value);
  }

  /** The grid first, then the others: they must not fetch from it what is about to go. */
  async #removeAndTell(key: string, flush: Flush): Promise<void> {
    for (const name of ['cache', 'leases']) {
      await this.#parts.caller.call({
        operation: 'flush',
        deadlineMs,
        run: async (session) => removeFrom(await session.map(this.#mapOf(name)), flush),
      });
    }
    await this.#tell(key, flushAsJson(flush));
  }

  async #tell(key: string, bulletin: unknown): Promise<void> {
    const value = sealJson(this.#parts.seal, `${this.mapName}/${key}`, bulletin);
    const told = await this.#parts.caller.call({
      operation: 'bulletin',
      key,
      deadlineMs,
      run: async (session) => {
        await (await session.map(this.mapName)).set(key, value, bulletinTtlMs);
      },
    });
    if (told.outcome === 'ok') this.#parts.figures.bulletinsSent++;
  }

  #mapOf(name: string): string {
    return `${this.#options.prefix}.${name}`;
  }

  #hear(key: string, sealed: Buffer): void {
    if (this.#heard.get(key) === true) return;
    this.#heard.set(key, true);
    const opened = openJson(this.#parts.seal, `${this.mapName}/${key}`, sealed);
    const told = typeof opened === 'string' ? opened : bulletinFromJson(opened.value);
    if (typeof told === 'string') {
      this.#parts.figures.dropped[told]++;
      return;
    }
    this.#parts.figures.bulletinsHeard++;
    if ('durationMs' in told) this.#applyPause(told);
    else this.#apply(told);
  }
}

async function removeFrom(map: GridMap, flush: Flush): Promise<void> {
  if (flush.kind === 'all') {
    await map.clear();
    return;
  }
  const keys = (await map.keys()).filter((key) => isMeant(key, flush));
  await Promise.all(keys.map((key) => map.remove(key)));
}

function isMeant(key: string, flush: Exclude<Flush, { kind: 'all' }>): boolean {
  try {
    const name = parseName(nameInGridKey(key));
    return flush.kind === 'name' ? name.equals(flush.name) : isAtOrBelow(name, flush.suffix);
  } catch (error) {
    if (error instanceof MalformedName) return false; // no key of ours
    throw error;
  }
}

function flushAsJson(flush: Flush): unknown {
  if (flush.kind === 'all') return { kind: 'all' };
  const name = flush.kind === 'name' ? flush.name : flush.suffix;
  return { kind: flush.kind, name: formatName(name) };
}

function bulletinFromJson(value: unknown): Flush | FilterPause | 'malformed' {
  const { kind, group, durationMs } = asRecord(value);
  if (kind !== 'pause') return flushFromJson(value);
  if (group !== undefined && typeof group !== 'string') return 'malformed';
  if (typeof durationMs !== 'number' || !(durationMs >= 0)) return 'malformed';
  return { group, durationMs };
}

function flushFromJson(value: unknown): Flush | 'malformed' {
  const { kind, name } = asRecord(value);
  if (kind === 'all') return { kind };
  if (typeof name !== 'string') return 'malformed';
  try {
    if (kind === 'name') return { kind, name: parseName(name) };
    return kind === 'suffix' ? { kind, suffix: parseName(name) } : 'malformed';
  } catch (error) {
    if (error instanceof MalformedName) return 'malformed';
    throw error;
  }
}

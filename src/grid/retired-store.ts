import type { GridCaller } from './grid-caller.ts';
import type { GridFigures } from './grid-figures.ts';
import type { GridMap } from './grid.ts';
import { nobodyRetired, retiredAsJson, retiredFromJson } from './retired-totals.ts';
import type { Retired } from './retired-totals.ts';
import { openJson, sealJson } from './sealed-json.ts';
import type { Seal } from './seal.ts';

export interface RetiredStoreParts {
  readonly caller: GridCaller;
  readonly seal: Seal;
  readonly figures: GridFigures;
}

const key = 'totals';
const deadlineMs = 1000;
/** Attempts when others change it at the same time. */
const attemptsMax = 3;
const forEver = 0;

/**
 * The one entry with the totals of writers that have gone, changed by compare-and-set. Every
 * replica remembers what it read last, and puts it back when the grid has lost it or shows an older
 * one: the greater revision wins, nothing is ever summed.
 */
export class RetiredStore {
  readonly mapName: string;
  readonly #parts: RetiredStoreParts;
  #current: Retired = nobodyRetired;
  /** How the grid holds what is current; undefined while it does not. */
  #stored: Buffer | undefined;

  constructor(prefix: string, parts: RetiredStoreParts) {
    this.mapName = `${prefix}.retired`;
    this.#parts = parts;
  }

  get current(): Retired {
    return this.#current;
  }

  /** Reads the entry, and puts it back where it is missing. @returns whether that worked */
  async synchronize(): Promise<boolean> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const read = await this.#call((map) => map.get(key));
      if (read === undefined) return false;
      if (await this.#settle(read.value)) return true;
    }
    return false;
  }

  /** Puts `next` in the place of what is current, unless another replica was faster. */
  async replace(next: Retired): Promise<boolean> {
    const sealed = this.#seal(next);
    const isPut = await this.#put(this.#stored, sealed);
    if (isPut) this.#adopt(next, sealed);
    return isPut;
  }

  /** Judges what was found. @returns whether the grid and this replica agree now */
  async #settle(found: Buffer | undefined): Promise<boolean> {
    if (found === undefined && this.#current.revision === 0) {
      this.#stored = undefined;
      return true;
    }
    if (found !== undefined && this.#stored?.equals(found) === true) return true;
    const retired = found === undefined ? undefined : this.#open(found);
    if (found !== undefined && retired !== undefined && this.#isNewer(retired)) {
      this.#adopt(retired, found);
      return true;
    }
    const sealed = this.#seal(this.#current);
    const isPut = await this.#put(found, sealed);
    if (isPut) this.#stored = sealed;
    return isPut;
  }

  #isNewer({ revision }: Retired): boolean {
    return revision >= this.#current.revision;
  }

  #adopt(retired: Retired, stored: Buffer): void {
    this.#current = retired;
    this.#stored = stored;
  }

  async #put(expected: Buffer | undefined, value: Buffer): Promise<boolean> {
    const put = await this.#call(async (map) => {
      if (expected !== undefined) return map.replaceIfSame(key, expected, value);
      return (await map.putIfAbsent(key, value, forEver)) === undefined;
    });
    return put?.value === true;
  }

  #open(sealed: Buffer): Retired | undefined {
    const opened = openJson(this.#parts.seal, `${this.mapName}/${key}`, sealed);
    const retired = typeof opened === 'string' ? opened : retiredFromJson(opened.value);
    if (typeof retired !== 'string') return retired;
    this.#parts.figures.dropped[retired]++;
    return undefined;
  }

  #seal(retired: Retired): Buffer {
    return sealJson(this.#parts.seal, `${this.mapName}/${key}`, retiredAsJson(retired));
  }

  async #call<T>(run: (map: GridMap) => Promise<T>): Promise<{ readonly value: T } | undefined> {
    const result = await this.#parts.caller.call({
      operation: 'counters',
      key,
      deadlineMs,
      run: async (session) => run(await session.map(this.mapName)),
    });
    return result.outcome === 'ok' ? { value: result.value } : undefined;
  }
}

import type { GridCaller } from './grid-caller.ts';
import type { GridFigures } from './grid-figures.ts';
import type { GridMap } from './grid.ts';
import { asRecord, openJson, sealJson } from './sealed-json.ts';
import type { Seal } from './seal.ts';
import { asSeriesList, asTally, columnOf } from './tally.ts';
import type { Tally } from './tally.ts';

export interface WriterListParts {
  readonly caller: GridCaller;
  readonly seal: Seal;
  readonly figures: GridFigures;
}

const deadlineMs = 1000;
const forEver = 0;

/**
 * Who writes counters, and which: an entry for each writer with its series and the totals it last
 * knew itself. Once it has gone those are what remains of it; they are exact where its counters,
 * which it can no longer correct, may have lost or doubled something.
 */
export class WriterList {
  readonly mapName: string;
  readonly #parts: WriterListParts;
  #written: Buffer | undefined;

  constructor(prefix: string, parts: WriterListParts) {
    this.mapName = `${prefix}.writers`;
    this.#parts = parts;
  }

  /** Makes sure that the list holds this. @returns whether it does */
  async put(writer: string, tally: Tally): Promise<boolean> {
    const series = [...tally.keys()];
    const value = { series, totals: columnOf(tally, series) };
    const sealed = sealJson(this.#parts.seal, this.#place(writer), value);
    const isPut = await this.#call(writer, async (map) => {
      if (this.#written?.equals(sealed) === true) {
        const held = await map.get(writer); // the grid may have lost it
        if (held?.equals(sealed) === true) return;
      }
      await map.set(writer, sealed, forEver);
    });
    if (isPut !== undefined) this.#written = sealed;
    return isPut !== undefined;
  }

  /** The names of all writers; undefined when the grid does not tell. */
  async writers(): Promise<readonly string[] | undefined> {
    return (await this.#call(undefined, (map) => map.keys()))?.value;
  }

  /** All entries that are ours; undefined when the grid does not tell. */
  async all(): Promise<ReadonlyMap<string, Tally> | undefined> {
    const entries = await this.#call(undefined, (map) => map.entries());
    if (entries === undefined) return undefined;
    return new Map(
      entries.value.flatMap(([writer, sealed]) => {
        const tally = this.#open(writer, sealed);
        return tally === undefined ? [] : [[writer, tally] as const];
      }),
    );
  }

  /** One entry: `foreign` when it is none of ours, undefined when the grid does not tell. */
  async tallyOf(writer: string): Promise<Tally | 'foreign' | undefined> {
    const found = await this.#call(writer, (map) => map.get(writer));
    if (found === undefined) return undefined;
    return found.value === undefined ? 'foreign' : (this.#open(writer, found.value) ?? 'foreign');
  }

  async remove(writer: string): Promise<void> {
    await this.#call(writer, (map) => map.remove(writer));
  }

  #open(writer: string, sealed: Buffer): Tally | undefined {
    const opened = openJson(this.#parts.seal, this.#place(writer), sealed);
    const tally = typeof opened === 'string' ? opened : tallyIn(opened.value);
    if (typeof tally !== 'string') return tally;
    this.#parts.figures.dropped[tally]++;
    return undefined;
  }

  #place(writer: string): string {
    return `${this.mapName}/${writer}`;
  }

  async #call<T>(
    key: string | undefined,
    run: (map: GridMap) => Promise<T>,
  ): Promise<{ readonly value: T } | undefined> {
    const result = await this.#parts.caller.call({
      operation: 'counters',
      ...(key !== undefined && { key }),
      deadlineMs,
      run: async (session) => run(await session.map(this.mapName)),
    });
    return result.outcome === 'ok' ? { value: result.value } : undefined;
  }
}

function tallyIn(value: unknown): Tally | 'malformed' {
  const { series, totals } = asRecord(value);
  const texts = asSeriesList(series);
  return (texts === undefined ? undefined : asTally(totals, texts)) ?? 'malformed';
}

import { stat } from 'node:fs/promises';
import { repeat, sleep } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { AnswerCache } from '../cache/answer-cache.ts';
import type { Config } from '../config/schema.ts';
import { loadLists } from '../filter/filter-lists.ts';
import type { ListReport, ListSource } from '../filter/filter-lists.ts';
import type { FilterStage } from '../filter/filter-stage.ts';
import type { FilterOptions } from '../filter/filter-stage.ts';
import { copyPath } from '../filter/list-copies.ts';
import type { FilterFigures, Totals } from '../telemetry/figures.ts';
import type { Log } from '../telemetry/log.ts';
import { ResultCounter } from '../telemetry/result-counter.ts';

/** Entries marked between two turns of the event loop: about a millisecond. */
const entriesPerSlice = 1000;

export interface FilterLoadingDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly stage: FilterStage;
  readonly cache: AnswerCache;
  /** Queries that were answered by type or address, by reason. */
  readonly screened: () => Totals;
  /** How many pauses last. */
  readonly pauses: () => number;
  /** 32 bits of chance. */
  readonly seed: number;
}

/**
 * Keeps the lists of the filter as its files are: reads them at the start, after a reload, and when
 * a file has changed. Lists that cannot be read leave those in use as they are.
 */
export class FilterLoading {
  readonly #dependencies: FilterLoadingDependencies;
  readonly #loads: ResultCounter;
  #config: Config['filter'];
  #reports: readonly ListReport[] = [];
  #loadedOf = '';
  #isLoaded = false;
  #current: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;

  constructor(config: Config['filter'], dependencies: FilterLoadingDependencies) {
    this.#config = config;
    this.#dependencies = dependencies;
    this.#loads = new ResultCounter(dependencies.clock);
  }

  figures(): FilterFigures {
    const { stage } = this.#dependencies;
    return {
      ...stage.figures,
      blocked: Object.fromEntries(
        this.#config.lists.map(({ name }) => [name, stage.blocked.get(name) ?? 0]),
      ),
      rules: Object.fromEntries(this.#reports.map(({ name, rules }) => [name, rules])),
      skipped: Object.fromEntries(this.#reports.map(({ name, skipped }) => [name, skipped])),
      loads: Object.fromEntries(this.#loads.results.entries()),
      lastSuccessWallMs: this.#loads.lastSuccessWallMs,
      pauses: this.#dependencies.pauses(),
      screened: this.#dependencies.screened(),
      fetches: [], // told by who fetches
    };
  }

  /** Resolves when the lists are in force, so that no name on them slips through at the start. */
  async start(): Promise<void> {
    const { reloadIntervalMs, lists } = this.#config;
    if (lists.length > 0) await this.#loadIfChanged();
    if (reloadIntervalMs === 0) return;
    this.#timer = repeat(this.#dependencies.clock, reloadIntervalMs, () => {
      if (this.#config.lists.length > 0) void this.#loadIfChanged();
    });
  }

  /** Takes over a changed configuration. */
  reconfigure(config: Config['filter']): Promise<void> {
    this.#config = config;
    return this.#loadIfChanged();
  }

  /** Reads the lists again if they have changed. Never rejects. */
  refresh(): Promise<void> {
    return this.#loadIfChanged();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** One load at a time; a later one sees what changed meanwhile. Never rejects. */
  #loadIfChanged(): Promise<void> {
    this.#current = this.#current.then(async () => {
      const config = this.#config;
      const sources = await sourcesOf(config);
      if (sources.state !== this.#loadedOf) await this.#load(config, sources);
    });
    return this.#current;
  }

  async #load(config: Config['filter'], { lists, state }: Sources): Promise<void> {
    const { log, stage, seed } = this.#dependencies;
    const { rulesMax, fileBytesMax } = config;
    this.#loadedOf = state;
    try {
      const { reports, ...loaded } = await loadLists(lists, { rulesMax, fileBytesMax }, seed);
      const failed = reports.filter(({ error }) => error !== undefined);
      for (const { name, error } of failed) log.error('a list was not read', { list: name, error });
      if (failed.length > 0 && this.#isLoaded) {
        this.#loads.failed();
        return; // the lists in use are better than some without the rest
      }
      stage.replace(loaded, optionsOf(config));
      this.#reports = reports;
      this.#isLoaded = true;
      if (failed.length > 0) this.#loads.failed();
      else this.#loads.succeeded();
      for (const { name, rules, skipped } of reports)
        log.info('list read', { list: name, rules, skipped });
      await this.remark();
    } catch (error) {
      this.#loads.failed();
      log.error('lists were not read', { error: describeError(error) });
    }
  }

  /** The hot path must not serve what a list is about now; what is about to be stored is marked anyway. */
  async remark(): Promise<void> {
    const { cache, clock } = this.#dependencies;
    for (const _ of cache.remark(entriesPerSlice)) await sleep(clock, 0);
  }
}

interface Sources {
  /** With the copies of what lies elsewhere, as far as there are any yet. */
  readonly lists: readonly ListSource[];
  /** What a change is noticed by: the configuration, and size and time of each file. */
  readonly state: string;
}

async function sourcesOf(config: Config['filter']): Promise<Sources> {
  const { directory = '' } = config;
  const found = await Promise.all(
    config.lists.map(async ({ name, format, files, urls }) => {
      const own = await Promise.all(files.map(versionOf));
      const copies = await Promise.all(urls.map((url) => versionOf(copyPath(directory, url))));
      // That a file is missing is told when it is read; a copy has not been fetched yet.
      const versions = [...own, ...copies.filter(({ size }) => size !== undefined)];
      return { source: { name, format, files: versions.map(({ path }) => path) }, versions };
    }),
  );
  return {
    lists: found.map(({ source }) => source),
    state: JSON.stringify([config, found.map(({ versions }) => versions)]),
  };
}

interface FileVersion {
  readonly path: string;
  readonly size?: number;
  readonly mtimeMs?: number;
}

async function versionOf(path: string): Promise<FileVersion> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { path, size, mtimeMs };
  } catch {
    return { path };
  }
}

/** What the stage needs of the configuration. */
export function optionsOf(config: Config['filter']): FilterOptions {
  const { lists, groups, ttlSeconds } = config;
  return { lists, groups, ttlSeconds };
}

import type { Clock } from '../base/clock.ts';
import type { Config } from '../config/schema.ts';
import { recordType } from '../dns/codes.ts';
import { lowerName, parseName } from '../dns/name.ts';
import { encodeKey } from '../dns/question.ts';
import { readRecords } from '../dns/records.ts';
import { formatRdata } from '../dns/presentation-rdata.ts';
import type { LookUpHost } from '../filter/list-download.ts';
import type { SharedCopies } from '../filter/shared-copies.ts';
import { ListFetching } from '../filter/list-fetching.ts';
import type { FetchingOptions, FetchReport } from '../filter/list-fetching.ts';
import type { Outcome } from '../query/outcome.ts';
import { ownQuery } from '../query/own-query.ts';
import type { Next } from '../query/stage.ts';
import type { ListFetchFigures } from '../telemetry/figures.ts';
import type { Log } from '../telemetry/log.ts';
import { ResultCounter } from '../telemetry/result-counter.ts';
import { LabelCounter } from '../telemetry/label-counter.ts';

export interface ListFetchesDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** Asks upstreams, past the lists. */
  readonly ask: Next;
  /** What other replicas have of lists. */
  readonly shared: SharedCopies;
  /** Called when there is something new to read. */
  readonly onNew: () => Promise<void>;
}

interface FetchCounts {
  readonly results: LabelCounter<FetchReport['result']>;
  readonly successes: ResultCounter;
}

/** Fetches the lists that lie elsewhere, logs and counts it, and has what is new taken over. */
export class ListFetches {
  readonly #dependencies: ListFetchesDependencies;
  readonly #fetching: ListFetching;
  /** By list; those of the configuration in use. */
  #counts: ReadonlyMap<string, FetchCounts> = new Map();

  constructor(config: Config['filter'], dependencies: ListFetchesDependencies) {
    const { clock, ask, shared } = dependencies;
    this.#dependencies = dependencies;
    this.#fetching = new ListFetching(optionsOf(config), {
      clock,
      shared,
      lookUpHost: hostLookup(ask, clock),
      onFetched: (report) => this.#fetched(report),
    });
    this.#expect(config);
  }

  figures(): ListFetchFigures[] {
    return Array.from(this.#counts, ([list, { results, successes }]) => ({
      list,
      results: Object.fromEntries(results.entries()),
      lastSuccessWallMs: successes.lastSuccessWallMs,
    }));
  }

  /** @returns when each list that has no copy was tried to be fetched, and is in force if it could be */
  async start(): Promise<void> {
    await this.#fetching.start();
  }

  reconfigure(config: Config['filter']): void {
    this.#expect(config);
    this.#fetching.reconfigure(optionsOf(config));
  }

  stop(): void {
    this.#fetching.stop();
  }

  #expect({ lists }: Config['filter']): void {
    const { clock } = this.#dependencies;
    const fetched = lists.filter(({ urls }) => urls.length > 0);
    this.#counts = new Map(
      fetched.map(({ name }) => [name, this.#counts.get(name) ?? newCounts(clock)]),
    );
  }

  #fetched({ list, url, result, error }: FetchReport): Promise<void> {
    const { log, onNew } = this.#dependencies;
    const counts = this.#counts.get(list);
    counts?.results.count(result);
    if (result === 'failure') log.error('a list was not fetched', { list, url, error });
    else {
      counts?.successes.succeeded();
      log.info('list fetched', { list, url, result });
    }
    return result === 'new' || result === 'shared' ? onNew() : Promise.resolve();
  }
}

function newCounts(clock: Clock): FetchCounts {
  return {
    results: new LabelCounter(['new', 'shared', 'unchanged', 'failure']),
    successes: new ResultCounter(clock),
  };
}

function optionsOf(config: Config['filter']): FetchingOptions {
  const { lists, directory = '', refreshIntervalMs, fetchTimeoutMs, fileBytesMax } = config;
  return {
    lists: lists
      .filter(({ urls }) => urls.length > 0)
      .map(({ name, urls, format }) => ({ name, urls, format })),
    directory,
    refreshIntervalMs,
    timeoutMs: fetchTimeoutMs,
    fileBytesMax,
  };
}

/**
 * Looks host names up among our own upstreams: the system may well ask us, and a list that we wait
 * for would wait for itself. What lists say does not count here.
 */
export function hostLookup(ask: Next, clock: Clock): LookUpHost {
  return async (name) => {
    const types = [recordType.A, recordType.AAAA];
    const found = await Promise.all(
      types.map(async (type) => {
        const flags = { dnssecOk: false, checkingDisabled: false };
        const key = encodeKey({ name: lowerName(parseName(name)), type }, flags);
        return addressesOf(await ask(ownQuery(key, 'client', clock.nowMs())), type);
      }),
    );
    return found.flat();
  };
}

function addressesOf(outcome: Outcome, type: number): string[] {
  if (outcome.kind !== 'answer') return [];
  const { wire } = outcome.answer;
  return (readRecords(wire)?.answer ?? [])
    .filter((record) => record.type === type)
    .map((record) => formatRdata(wire, record));
}

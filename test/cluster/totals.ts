import { expect } from '@jest/globals';
import { scrape } from '../support/metrics-page.ts';
import type { Page } from '../support/metrics-page.ts';
import { waitFor } from '../support/wait-for.ts';

/** What has totals: a cluster, or replicas wherever they run. */
export interface Counting {
  readonly replicas: readonly { readonly api: string }[];
}

/** What goes on being counted while nobody asks: by scrapes, and by what replicas tell each other. */
const restless = /^heimdall_(http|grid|log)_/;
/** What must be among the totals, whatever else is. */
const essential = /^heimdall_(queries_total|query_duration_seconds)/;
/** A sum of seconds is rounded by each replica; everything else is exact. */
const toleranceSeconds = 1e-3;

/** Compares `/metrics/cluster` with the sum of the `/metrics` of all replicas, gone ones included. */
export class Totals {
  readonly #cluster: Counting;
  #gone: Page = new Map();

  constructor(cluster: Counting) {
    this.#cluster = cluster;
  }

  /** To be called when a replica is about to end: what it counted must stay. */
  async remember(index: number): Promise<void> {
    this.#gone = added([this.#gone, await this.page(index, '/metrics')]);
  }

  /** A page of one replica; empty where it has none. */
  page(index: number, path: '/metrics' | '/metrics/cluster'): Promise<Page> {
    return scrape(`${this.#cluster.replicas[index]?.api ?? ''}${path}`);
  }

  /** Waits until every replica tells the right totals; fails with what differs. */
  async expectRight(): Promise<void> {
    for (const index of this.#cluster.replicas.keys()) {
      let last: string[] = [];
      try {
        await waitFor('the totals', async () => {
          last = await this.#differences(index);
          return last.length === 0;
        });
      } catch (error) {
        expect(last).toEqual([]);
        throw error; // a replica could not be asked
      }
    }
  }

  async #differences(asSeenBy: number): Promise<string[]> {
    const totals = await this.page(asSeenBy, '/metrics/cluster');
    const pages = this.#cluster.replicas.map((_, index) => this.page(index, '/metrics'));
    const counted = added([this.#gone, ...(await Promise.all(pages))]);
    const wanted = Array.from(counted.keys()).filter((series) => essential.test(series));
    if (wanted.length === 0) return ['the replicas tell nothing'];
    return [...new Set([...totals.keys(), ...wanted])].flatMap((series) => {
      const [total, sum] = [totals.get(series) ?? 0, counted.get(series) ?? 0];
      if (restless.test(series) || Math.abs(total - sum) < toleranceSeconds) return [];
      return [`${series}: ${String(total)} in the cluster, ${String(sum)} by the replicas`];
    });
  }
}

function added(pages: readonly Page[]): Page {
  const sums = new Map<string, number>();
  for (const page of pages) {
    for (const [series, value] of page) sums.set(series, (sums.get(series) ?? 0) + value);
  }
  return sums;
}

import { BoundedMap } from '../base/bounded-map.ts';
import type { Sample } from './sample.ts';

/** Paths served times the statuses each can have; far above what the routes can make. */
const seriesMax = 500;

interface Series {
  readonly path: string;
  readonly status: number;
  total: number;
}

/** Counts HTTP requests; `path` is that of a route, never what the client sent. */
export class HttpCounters {
  readonly #series = new BoundedMap<string, Series>(seriesMax);

  count(path: string, status: number): void {
    const key = `${String(status)} ${path}`;
    const known = this.#series.get(key);
    if (known === undefined) this.#series.set(key, { path, status, total: 1 });
    else known.total++;
  }

  samples(): Sample[] {
    return Array.from(this.#series.entries(), ([, { path, status, total }]) => ({
      labels: { path, code: String(status) },
      value: total,
    }));
  }
}

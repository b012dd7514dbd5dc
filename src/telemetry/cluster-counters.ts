/** The total of one series. */
export interface SeriesTotal {
  /** Of the series, hence with `_bucket`, `_sum` or `_count` for a histogram. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Port: adds up what the replicas counted. */
export interface ClusterCounters {
  /** Hands over this replica's totals as they stand now; never waits for the grid. */
  publish(series: readonly SeriesTotal[]): void;
  /**
   * The sums over all replicas; undefined where there is no cluster.
   * @throws {GridUnavailable} when the grid does not tell in time
   */
  totals(): Promise<readonly SeriesTotal[] | undefined>;
}

/** Standalone: there is nobody to add up with. */
export class NoClusterCounters implements ClusterCounters {
  publish(): void {
    // nobody listens
  }

  totals(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

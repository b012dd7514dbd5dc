/**
 * What the other rooms are asked for at a scrape, as plain getters: whoever holds the numbers
 * keeps them, and nothing is computed while queries are answered.
 */

/** Totals by a label whose values are a closed list. */
export type Totals = Readonly<Record<string, number>>;

/**
 * The cache in memory, all of it since the start. Also the answer of `GET /api/v1/cache/stats`,
 * hence flat.
 */
export interface CacheFigures {
  readonly entries: number;
  readonly sizeBytes: number;
  /** What it may take now; less than `sizeBytesMax` while the memory of the process is short. */
  readonly limitBytes: number;
  readonly sizeBytesMax: number;
  /** Memory of the process above which the cache gives way; 0 where it never does. */
  readonly ceilingBytes: number;
  /** Fresh answers, those of the hot path included. */
  readonly hits: number;
  readonly misses: number;
  /** Answers served stale. */
  readonly stale: number;
  /** Answers from the memory of a failure. */
  readonly failureHits: number;
  /** Answers from an NXDOMAIN of a name above. */
  readonly nxdomainCuts: number;
  readonly insertions: number;
  /** Answers that were not kept: too large, or not admitted. */
  readonly refused: number;
  readonly evictionsSmall: number;
  readonly evictionsMain: number;
  /** Moves from the small queue to the main one. */
  readonly promotions: number;
  /** Evictions because the memory of the process was short, among the others. */
  readonly shed: number;
  readonly prefetches: number;
  readonly prefetchesFailed: number;
  readonly failureEntries: number;
  /** Answers below search suffixes from the absence of a name above. */
  readonly searchCuts: number;
  /** Questions on behalf of a subnet that the client named. */
  readonly subnetsForwarded: number;
  /** The same from the address of the client. */
  readonly subnetsAdded: number;
  /** Questions of clients that forbid to name theirs. */
  readonly subnetsForbidden: number;
}

/** The snapshots of the cache on disk. */
export interface SnapshotFigures {
  /** By result. */
  readonly saves: Totals;
  /** By result. */
  readonly loads: Totals;
  /** Unix time in milliseconds; undefined before the first one. */
  readonly lastSuccessWallMs: number | undefined;
  /** Answers in the last one. */
  readonly entries: number;
}

/** Lists of names that are answered here. */
export interface FilterFigures {
  /** Queries blocked, by list. */
  readonly blocked: Totals;
  /** Rules by list. */
  readonly rules: Totals;
  /** For how many groups lists do not hold now; all clients are one. */
  readonly pauses: number;
  /** Queries answered for their type or the address in the answer, by reason. */
  readonly screened: Totals;
  /** Lines by list that hold no rule to follow. */
  readonly skipped: Totals;
  /** Different names of all lists. */
  readonly names: number;
  readonly sizeBytes: number;
  /** By result. */
  readonly loads: Totals;
  /** Unix time in milliseconds; undefined before the first one. */
  readonly lastSuccessWallMs: number | undefined;
  /** Of the lists with URLs; empty in a process that does not fetch. */
  readonly fetches: readonly ListFetchFigures[];
}

/** Looks at the URLs of a list. */
export interface ListFetchFigures {
  readonly list: string;
  /** By result: new, unchanged, failure. */
  readonly results: Totals;
  /** When a look last went well, in Unix time in milliseconds; undefined before. */
  readonly lastSuccessWallMs: number | undefined;
}

/** The certificate of the listeners that encrypt. */
export interface CertificateFigures {
  /** Unix time in milliseconds. */
  readonly expiresAtWallMs: number;
  /** Replacements by result. */
  readonly reloads: Totals;
}

/** Questions being fetched. */
export interface FlightFigures {
  readonly inProgress: number;
  readonly joined: number;
  /** Turned away because too many were in progress. */
  readonly refused: number;
}

/** Exchanges with upstreams. */
export interface UpstreamFigures {
  readonly exchangesInFlight: number;
  /** Not begun because too many were in flight. */
  readonly exchangesRefused: number;
  /** Second opinions on names that vanished, by what came of them. */
  readonly confirmations: Totals;
  /** A server may stand here more than once, for several routes. */
  readonly servers: readonly { readonly server: string; readonly state: string }[];
}

/** Log lines. */
export interface LogFigures {
  /** By level. */
  readonly lines: Totals;
  readonly linesDropped: number;
}

/** What runs. */
export interface BuildFigures {
  readonly version: string;
  readonly node: string;
  readonly udpTransport: string;
}

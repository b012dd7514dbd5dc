import type { AnswerKind } from '../dns/answer.ts';
import type { Layer } from '../query/outcome.ts';
import type { UpstreamStatus } from '../upstream/status.ts';
import type { ClusterView } from './cluster-view.ts';
import type { BuildFigures, CacheFigures } from './figures.ts';
import type { LogLevel } from './log.ts';
import type { QueryLogOptions } from './query-log.ts';
import type { WorkerStatus } from './workers-figures.ts';

/** What a reload came to. */
export interface ReloadReport {
  /** Paths of options that changed and hold now. */
  readonly applied: readonly string[];
  /** Paths of options that changed and hold after a restart. */
  readonly restartNeeded: readonly string[];
}

/** A cached answer as operators see it. */
export interface CacheEntryView {
  readonly name: string;
  readonly type: string;
  readonly kind: AnswerKind | 'failure';
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** Whom it is for, where upstreams are told of it: `198.51.100.0/24`. */
  readonly subnet?: string;
  /** What is left of its TTL, 0 once it is stale. */
  readonly ttlSeconds: number;
  readonly ageSeconds: number;
  readonly hits: number;
  readonly stale: boolean;
  /** Records in presentation form. */
  readonly records: readonly string[];
}

/** A question that is asked for often. */
export interface TopName {
  readonly name: string;
  readonly type: string;
  /** Since its answer was stored. */
  readonly hits: number;
}

/** What a question comes to, and how. */
export interface LookupReport {
  /** The response code by name. */
  readonly code: string;
  readonly layer: Layer;
  /** The upstream that answered, or the rule that applied. */
  readonly detail: string | null;
  /** Each as `code text`. */
  readonly extendedErrors: readonly string[];
  /** Records in presentation form. */
  readonly records: readonly string[];
  readonly durationMs: number;
}

/** What is to be forgotten; names in wire form. */
export type FlushTarget =
  | { readonly kind: 'name'; readonly name: Buffer }
  | { readonly kind: 'suffix'; readonly suffix: Buffer }
  | { readonly kind: 'all' };

export interface LogChange {
  readonly level?: LogLevel;
  readonly queries?: Partial<QueryLogOptions>;
}

export interface LogState {
  readonly level: LogLevel;
  readonly queries: QueryLogOptions;
}

/** That lists hold for nobody, or not for the clients of a group. */
export interface PauseView {
  /** Null: all clients. */
  readonly group: string | null;
  readonly remainingMs: number;
}

/** Port: what the admin API can ask of the process. Implemented where it is put together. */
export interface AdminActions {
  version(): BuildFigures;
  /** The effective configuration, secrets hidden. */
  config(): unknown;
  /** @throws {ConfigInvalid} the running configuration stays */
  reloadConfig(): Promise<ReloadReport>;
  upstreams(): readonly UpstreamStatus[];
  /** The cluster as this replica sees it. */
  cluster(): ClusterView | Promise<ClusterView>;
  cacheStats(): CacheFigures | Promise<CacheFigures>;
  /** The worker processes; none where one process does all. */
  workers(): readonly WorkerStatus[];
  /** The entries of a name, in wire form and lower case; of one type, or of all. */
  cacheEntries(name: Buffer, type: number | undefined): readonly CacheEntryView[];
  /** What is asked for most, the most first; named as `http.topNames` allows. */
  topNames(): Promise<readonly TopName[]>;
  /** Asks as a client would, and tells where the answer came from; counted as a query. */
  lookup(name: Buffer, type: number): Promise<LookupReport>;
  filterPauses(): readonly PauseView[];
  /** Everywhere: in workers, and in the other replicas. @throws {RequestRefused} for an unknown group */
  pauseFilter(pause: {
    readonly group: string | undefined;
    readonly durationMs: number;
  }): Promise<void>;
  /** @returns how many entries were forgotten */
  flush(target: FlushTarget): number | Promise<number>;
  setLog(change: LogChange): LogState | Promise<LogState>;
}

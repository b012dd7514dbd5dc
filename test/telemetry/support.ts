import { PassThrough } from 'node:stream';
import packet from 'dns-packet';
import type { Answer, AnswerKind } from '../../src/dns/answer.ts';
import { QueryCounters } from '../../src/query/query-counters.ts';
import type { Query } from '../../src/query/query.ts';
import { readQuery } from '../../src/query/read-query.ts';
import type { AdminActions } from '../../src/telemetry/admin-actions.ts';
import { AdminGuard } from '../../src/telemetry/admin-guard.ts';
import { adminRoutes } from '../../src/telemetry/admin-routes.ts';
import { ArrivalCounters } from '../../src/telemetry/arrival-counters.ts';
import { noCluster } from '../../src/telemetry/cluster-view.ts';
import type { ClusterView } from '../../src/telemetry/cluster-view.ts';
import { NoClusterCounters } from '../../src/telemetry/cluster-counters.ts';
import type { ClusterCounters } from '../../src/telemetry/cluster-counters.ts';
import type { CacheFigures } from '../../src/telemetry/figures.ts';
import { HttpCounters } from '../../src/telemetry/http-counters.ts';
import { HttpRouter } from '../../src/telemetry/http-router.ts';
import { HttpServer } from '../../src/telemetry/http-server.ts';
import type { Log, LogFields, LogLevel } from '../../src/telemetry/log.ts';
import { metricSources } from '../../src/telemetry/metric-sources.ts';
import type { Figures } from '../../src/telemetry/metric-sources.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { publicRoutes } from '../../src/telemetry/public-routes.ts';
import { Readiness } from '../../src/telemetry/readiness.ts';
import { ResultCounter } from '../../src/telemetry/result-counter.ts';
import { UpstreamCounters } from '../../src/telemetry/upstream-counters.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export interface RecordedLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Remembers what was said. */
export class RecordingLog implements Log {
  readonly lines: RecordedLine[] = [];

  error(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', message, fields });
  }

  warn(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', message, fields });
  }

  info(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', message, fields });
  }

  debug(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'debug', message, fields });
  }
}

/** A stream that keeps what is written to it. */
export function recordingStream(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { stream, text: () => text };
}

/** A query of a client at 192.0.2.77, received at 0 ms. */
export function clientQuery(
  name: string,
  type: packet.RecordType,
  over: Partial<Query> = {},
): Query {
  const wire = packet.encode({ type: 'query', id: 7, questions: [{ name, type }] });
  const client = { host: '192.0.2.77', port: 5353 };
  const read = readQuery(wire, { transport: 'udp', client, receivedAtMs: 0 });
  if (read.kind !== 'query') throw new Error('the test has a bad question');
  return { ...read.query, ...over };
}

export function answerOf(kind: AnswerKind): Answer {
  const wire = Buffer.alloc(12);
  return { kind, wire, ttlSeconds: 60, authenticData: false, extendedErrors: [] };
}

export const cacheFigures: CacheFigures = {
  entries: 3,
  sizeBytes: 4096,
  limitBytes: 65_536,
  sizeBytesMax: 131_072,
  ceilingBytes: 1_048_576,
  hits: 10,
  misses: 4,
  stale: 2,
  failureHits: 1,
  nxdomainCuts: 5,
  insertions: 6,
  refused: 0,
  evictionsSmall: 7,
  evictionsMain: 8,
  promotions: 9,
  shed: 15,
  prefetches: 11,
  prefetchesFailed: 12,
  failureEntries: 13,
  searchCuts: 14,
  subnetsForwarded: 21,
  subnetsAdded: 22,
  subnetsForbidden: 23,
};

/** Figures of a replica with one upstream that is up; parts of it can be replaced. */
export function someFigures(over: Partial<Figures> = {}): Figures {
  const queries = over.queries ?? new QueryCounters();
  return {
    queries,
    arrivals: new ArrivalCounters(queries),
    cookies: { counts: { valid: 0, client_only: 0, invalid: 0 } },
    connections: () => ({ tcp: 2 }),
    upstreamCounters: new UpstreamCounters(new RecordingLog()),
    upstreams: () => ({
      exchangesInFlight: 1,
      exchangesRefused: 8,
      confirmations: { confirmed: 3, overruled: 2, unconfirmed: 1 },
      servers: [{ server: '192.0.2.1:53', state: 'up' }],
    }),
    cache: () => cacheFigures,
    snapshot: () => ({
      saves: { success: 2, failure: 0 },
      loads: { success: 1 },
      lastSuccessWallMs: 1_700_000_000_500,
      entries: 3,
    }),
    certificate: () => ({
      expiresAtWallMs: 1_800_000_000_000,
      reloads: { success: 1, failure: 0 },
    }),
    dnstap: { figures: { written: 21, dropped: 22 } },
    traces: { sent: 23, dropped: 24 },
    filter: () => ({
      blocked: { ads: 3 },
      rules: { ads: 100 },
      skipped: { ads: 1 },
      pauses: 0,
      screened: { type: 1, private_address: 2 },
      names: 99,
      sizeBytes: 16_384,
      loads: { success: 1, failure: 0 },
      lastSuccessWallMs: 1_700_000_000_000,
      fetches: [{ list: 'ads', results: { new: 1 }, lastSuccessWallMs: 1000 }],
    }),
    flights: () => ({ inProgress: 4, joined: 5, refused: 6 }),
    reloads: new ResultCounter(new VirtualClock()),
    readiness: new Readiness(),
    log: () => ({ lines: { error: 1, info: 2 }, linesDropped: 3 }),
    http: new HttpCounters(),
    build: { version: '1.2.3', node: 'v24.0.0', udpTransport: 'dgram' },
    ...over,
  };
}

/** The samples of a page, by series: `name{label="value"}` -> number. */
export function samplesOf(page: string): Map<string, number> {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** Does nothing, and remembers what it was asked to do. */
export class RecordingActions implements AdminActions {
  readonly calls: unknown[] = [];
  failure: Error | undefined;

  version(): ReturnType<AdminActions['version']> {
    return { version: '1.2.3', node: 'v24.0.0', udpTransport: 'dgram' };
  }

  config(): unknown {
    return { http: { token: '***' } };
  }

  async reloadConfig(): ReturnType<AdminActions['reloadConfig']> {
    this.calls.push('reload');
    if (this.failure !== undefined) throw this.failure;
    return Promise.resolve({ applied: ['log.level'], restartNeeded: [] });
  }

  upstreams(): ReturnType<AdminActions['upstreams']> {
    return [];
  }

  cluster(): ClusterView {
    return noCluster;
  }

  workers(): [] {
    return [];
  }

  cacheStats(): CacheFigures {
    return cacheFigures;
  }

  cacheEntries(name: Buffer, type: number | undefined): [] {
    this.calls.push({ name: name.toString('latin1'), type });
    return [];
  }

  topNames(): ReturnType<AdminActions['topNames']> {
    return Promise.resolve([{ name: 'www.example.', type: 'A', hits: 7 }]);
  }

  lookup(name: Buffer, type: number): ReturnType<AdminActions['lookup']> {
    this.calls.push({ name: name.toString('latin1'), type });
    return Promise.resolve({
      code: 'NOERROR',
      layer: 'l1',
      detail: null,
      extendedErrors: [],
      records: ['www.example. 300 IN A 192.0.2.1'],
      durationMs: 0.5,
    });
  }

  filterPauses(): ReturnType<AdminActions['filterPauses']> {
    return [{ group: null, remainingMs: 1000 }];
  }

  pauseFilter(pause: Parameters<AdminActions['pauseFilter']>[0]): Promise<void> {
    this.calls.push(pause);
    return Promise.resolve();
  }

  flush(target: Parameters<AdminActions['flush']>[0]): number {
    this.calls.push(target);
    return 42;
  }

  setLog(change: Parameters<AdminActions['setLog']>[0]): ReturnType<AdminActions['setLog']> {
    this.calls.push(change);
    const queries = { enabled: false, sampleShare: 1, clients: 'prefix' } as const;
    return { level: 'info', queries: { ...queries, ...change.queries } };
  }
}

/** A running HTTP server on loopback with all that hangs on it. */
export interface RunningHttp {
  readonly port: number;
  readonly actions: RecordingActions;
  readonly figures: Figures;
  readonly log: RecordingLog;
  readonly guard: AdminGuard;
  readonly clock: VirtualClock;
  readonly get: (path: string, init?: RequestInit) => Promise<Response>;
  readonly stop: () => Promise<void>;
}

export async function startHttp(
  options: { token?: string; clusterCounters?: ClusterCounters; port?: number } = {},
): Promise<RunningHttp> {
  const log = new RecordingLog();
  const actions = new RecordingActions();
  const figures = someFigures();
  const guard = new AdminGuard(options.token);
  const admin = adminRoutes(actions);
  const routes = publicRoutes({
    metrics: new Metrics(metricSources(figures)),
    readiness: figures.readiness,
    clusterCounters: options.clusterCounters ?? new NoClusterCounters(),
  });
  const router = new HttpRouter([...routes, ...admin], { guard, log });
  const clock = new VirtualClock();
  const server = new HttpServer({ router, counters: figures.http, clock });
  const { port } = await server.start({ host: '127.0.0.1', port: options.port ?? 0 });
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://127.0.0.1:${String(port)}${path}`, init);
  return { port, actions, figures, log, guard, clock, get, stop: () => server.stop() };
}

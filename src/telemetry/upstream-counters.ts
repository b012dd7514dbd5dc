import { BoundedMap } from '../base/bounded-map.ts';
import type { ExchangeFailure } from '../base/errors.ts';
import { responseCode } from '../dns/codes.ts';
import type { ServerState } from '../upstream/health-board.ts';
import type { MismatchKind, UpstreamObserver } from '../upstream/observer.ts';
import { DurationHistogram } from './duration-histogram.ts';
import { LabelCounter } from './label-counter.ts';
import type { Log } from './log.ts';

/** From a resolver on the same host to more than the budget of a whole query (4 s). */
export const responseTimeBoundsSeconds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

/** Servers come from the configuration and from DNS names in it; more than this nobody configures. */
const serversMax = 1000;

const codeNames = new Map<number, string>(
  Object.entries(responseCode).map(([name, code]) => [code, name]),
);
const otherCode = 'OTHER';

const failureReasons: readonly ExchangeFailure[] = [
  'timeout',
  'network',
  'refused_connection',
  'malformed',
  'closed',
  'certificate',
  'protocol',
  'exhausted',
];

/** What is counted of one upstream. */
export class ServerCounters {
  readonly responseTimes = new DurationHistogram(responseTimeBoundsSeconds);
  readonly responses = new LabelCounter<string>(['NOERROR', 'NXDOMAIN', 'SERVFAIL']);
  readonly failures = new LabelCounter<ExchangeFailure>(failureReasons);
  readonly mismatches = new LabelCounter<MismatchKind>([]);
  /** By whether a TLS session of before was resumed. */
  readonly connections = new LabelCounter<'new' | 'resumed'>([]);
  readonly stateChanges = new LabelCounter<ServerState>(['up', 'down']);
  loops = 0;
  failovers = 0;
  retransmissions = 0;
}

/**
 * Counts what upstreams do, one event at a time, and logs when one goes or comes back. Nothing here
 * averages: one response is one sample.
 */
export class UpstreamCounters implements UpstreamObserver {
  readonly #log: Log;
  readonly #servers = new BoundedMap<string, ServerCounters>(serversMax);

  constructor(log: Log) {
    this.#log = log;
  }

  /** A response, late ones and losers of a race included, `seconds` after its question was sent. */
  responseArrived(server: string, seconds: number, code: number): void {
    const counters = this.#of(server);
    counters.responseTimes.observe(seconds);
    counters.responses.count(codeNames.get(code) ?? otherCode);
  }

  exchangeFailed(server: string, reason: ExchangeFailure): void {
    this.#of(server).failures.count(reason);
  }

  responseMismatched(server: string, kind: MismatchKind): void {
    this.#of(server).mismatches.count(kind);
  }

  stateChanged(server: string, state: ServerState, reason: string): void {
    this.#of(server).stateChanges.count(state);
    const isGone = state === 'down' || state === 'loop';
    this.#log[isGone ? 'warn' : 'info']('upstream changed', { server, state, reason });
  }

  connectionOpened(server: string, isResumed: boolean): void {
    this.#of(server).connections.count(isResumed ? 'resumed' : 'new');
  }

  loopFound(server: string): void {
    this.#of(server).loops++;
  }

  failover(server: string): void {
    this.#of(server).failovers++;
  }

  retransmitted(server: string): void {
    this.#of(server).retransmissions++;
  }

  /** Forgets the servers that are not among `servers`, and knows those that are, at 0. */
  retain(servers: ReadonlySet<string>): void {
    for (const [server] of this.#servers.entries()) {
      if (!servers.has(server)) this.#servers.delete(server);
    }
    for (const server of servers) this.#of(server);
  }

  entries(): IterableIterator<[string, ServerCounters]> {
    return this.#servers.entries();
  }

  #of(server: string): ServerCounters {
    const known = this.#servers.get(server);
    if (known !== undefined) return known;
    const counters = new ServerCounters();
    this.#servers.set(server, counters);
    return counters;
  }
}

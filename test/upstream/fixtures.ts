import dnsPacket from 'dns-packet';
import type { RecordType } from 'dns-packet';
import type { ExchangeFailure } from '../../src/base/errors.ts';
import { SeededRandom, SystemRandom } from '../../src/base/random.ts';
import { SystemClock } from '../../src/base/clock.ts';
import type { SystemCalls } from '../../src/datagram/system-calls.ts';
import type { Outcome } from '../../src/query/outcome.ts';
import type { Query } from '../../src/query/query.ts';
import { readQuery } from '../../src/query/read-query.ts';
import { NoHealthBoard } from '../../src/upstream/health-board.ts';
import type { HealthBoard } from '../../src/upstream/health-board.ts';
import type { MismatchKind, UpstreamObserver } from '../../src/upstream/observer.ts';
import type { UpstreamOptions } from '../../src/upstream/options.ts';
import { Upstreams } from '../../src/upstream/upstreams.ts';
import { systemCalls } from '../datagram/altered-calls.ts';
import { ScriptedTransport } from '../support/scripted-transport.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** The defaults of the configuration, but for loop detection, which would ask before any query. */
export function optionsWith(changes: Partial<UpstreamOptions>): UpstreamOptions {
  return {
    servers: [],
    strategy: 'sequential',
    parallelism: 2,
    queryBudgetMs: 4000,
    tryTimeoutMinMs: 100,
    tryTimeoutMaxMs: 1500,
    explorationShare: 0,
    caseRandomization: true,
    ednsBytes: 1232,
    trustAuthenticData: false,
    resolveIntervalMs: 30_000,
    loopDetection: false,
    exchangesMax: 10_000,
    health: {
      failuresMax: 3,
      failureTimeoutMs: 1000,
      backoffMinMs: 1000,
      backoffMaxMs: 60_000,
      probeName: '.',
      probeType: 'NS',
    },
    udp: { portsPerSecondMax: 500, sockets: 16, queriesPerSocketMax: 1000, socketLifetimeMs: 100 },
    tcp: { connectionsMax: 4, idleTimeoutMs: 10_000, queriesPerConnectionMax: 100 },
    encrypted: { connectionsMax: 2, idleTimeoutMs: 30_000, queriesPerConnectionMax: 200 },
    bootstrap: [],
    hosts: [],
    ttl: { ttlMinSeconds: 0, ttlMaxSeconds: 86_400, negativeTtlMaxSeconds: 3600 },
    routes: [],
    ...changes,
  };
}

/** What a query asks for beside its name. */
export interface QueryDetails {
  readonly type?: RecordType;
  readonly dnssecOk?: boolean;
  readonly checkingDisabled?: boolean;
}

/** A query of a client. */
export function queryFor(name: string, details: QueryDetails = {}): Query {
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: dnsPacket.DNSSEC_OK };
  const wire = dnsPacket.encode({
    type: 'query',
    id: 4242,
    flags: 0x0100 | (details.checkingDisabled === true ? 0x10 : 0),
    questions: [{ name, type: details.type ?? 'A', class: 'IN' }],
    additionals: details.dnssecOk === true ? [opt as unknown as dnsPacket.Answer] : [],
  });
  const client = { host: '127.0.0.1', port: 5353 };
  const read = readQuery(wire, { transport: 'udp', client, receivedAtMs: 0 });
  if (read.kind !== 'query') throw new TypeError(`${name} makes no query`);
  return read.query;
}

/** Remembers everything it is told. */
export class RecordingObserver implements UpstreamObserver {
  readonly responses: { server: string; seconds: number; code: number }[] = [];
  readonly failures: { server: string; reason: ExchangeFailure }[] = [];
  readonly mismatches: { server: string; kind: MismatchKind }[] = [];
  readonly states: { server: string; state: string; reason: string }[] = [];
  readonly loops: string[] = [];
  readonly connections: { server: string; isResumed: boolean }[] = [];
  readonly failovers: string[] = [];
  readonly retransmissions: string[] = [];

  responseArrived(server: string, seconds: number, code: number): void {
    this.responses.push({ server, seconds, code });
  }

  exchangeFailed(server: string, reason: ExchangeFailure): void {
    this.failures.push({ server, reason });
  }

  responseMismatched(server: string, kind: MismatchKind): void {
    this.mismatches.push({ server, kind });
  }

  stateChanged(server: string, state: string, reason: string): void {
    this.states.push({ server, state, reason });
  }

  connectionOpened(server: string, isResumed: boolean): void {
    this.connections.push({ server, isResumed });
  }

  loopFound(server: string): void {
    this.loops.push(server);
  }

  failover(server: string): void {
    this.failovers.push(server);
  }

  retransmitted(server: string): void {
    this.retransmissions.push(server);
  }

  /** Seconds of all responses of a server. */
  secondsOf(server: string): number[] {
    return this.responses.filter((seen) => seen.server === server).map(({ seconds }) => seconds);
  }
}

/** Asks, as the stage above would. */
export function ask(upstreams: Upstreams, query: Query): Promise<Outcome> {
  return upstreams.stage.handle(query, () => Promise.reject(new TypeError('it settles all')));
}

/** Upstreams without sockets on a virtual clock. */
export function virtualWorld(changes: Partial<UpstreamOptions>, deps: WorldDeps = {}) {
  const clock = new VirtualClock();
  const observer = new RecordingObserver();
  const transport = new ScriptedTransport(clock);
  const { resolveHost } = deps;
  const upstreams = new Upstreams(optionsWith(changes), {
    clock,
    random: new SeededRandom(7),
    observer,
    healthBoard: deps.healthBoard ?? new NoHealthBoard(),
    transport,
    ...(resolveHost === undefined
      ? {}
      : {
          resolveHost: async (name) => ({
            addresses: await resolveHost(name),
            ttlSeconds: undefined,
          }),
        }),
  });
  /** Asks and lets time pass until there is an outcome. */
  const settle = async (name: string, patienceMs = 4000): Promise<Outcome> => {
    let outcome: Outcome | undefined;
    void ask(upstreams, queryFor(name)).then((settled) => (outcome = settled));
    for (let passedMs = 0; outcome === undefined && passedMs <= patienceMs; passedMs++) {
      await clock.advance(passedMs === 0 ? 0 : 1);
    }
    if (outcome === undefined) throw new Error(`no outcome after ${String(patienceMs)} ms`);
    return outcome;
  };
  return { clock, observer, transport, upstreams, settle };
}

interface WorldDeps {
  readonly healthBoard?: HealthBoard;
  readonly resolveHost?: (name: string) => Promise<readonly string[]>;
}

/** Both ways in which datagrams go: each exchange by a socket of its own, and in batches. */
export const udpWays: readonly [name: string, calls: SystemCalls | undefined][] = [
  ['dgram', undefined],
  ['batched', systemCalls()],
];

/** Upstreams on real sockets and the clock of the machine. */
export function realWorld(changes: Partial<UpstreamOptions>, calls?: SystemCalls) {
  const observer = new RecordingObserver();
  const upstreams = new Upstreams(optionsWith(changes), {
    clock: new SystemClock(),
    random: new SystemRandom(),
    observer,
    healthBoard: new NoHealthBoard(),
    calls,
  });
  return { observer, upstreams };
}

/** The answer of an outcome, decoded; fails when there is none. */
export function answersOf(outcome: Outcome): dnsPacket.Answer[] {
  if (outcome.kind !== 'answer') throw new Error(`no answer: ${JSON.stringify(outcome)}`);
  return dnsPacket.decode(outcome.answer.wire).answers ?? [];
}

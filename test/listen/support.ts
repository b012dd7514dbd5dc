import type { SocketAddress } from '../../src/base/address.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { Answer } from '../../src/dns/answer.ts';
import { OpenGate } from '../../src/listen/client-gate.ts';
import type { ClientGate } from '../../src/listen/client-gate.ts';
import type { SystemCalls } from '../../src/datagram/system-calls.ts';
import { BatchedUdpListener } from '../../src/listen/batched-udp-listener.ts';
import { ConnectionQuota } from '../../src/listen/connection-quota.ts';
import { HotPath } from '../../src/listen/hot-path.ts';
import type { FreshAnswers } from '../../src/listen/hot-path.ts';
import { Responder } from '../../src/listen/responder.ts';
import type { ResponderOptions } from '../../src/listen/responder.ts';
import { dnsOverTcp } from '../../src/listen/stream-protocol.ts';
import type { StreamProtocol } from '../../src/listen/stream-protocol.ts';
import { TcpListener } from '../../src/listen/tcp-listener.ts';
import type { TcpListenerOptions } from '../../src/listen/tcp-listener.ts';
import { DgramUdpListener } from '../../src/listen/dgram-udp-listener.ts';
import type {
  ListenerDependencies,
  OpenUdpListener,
  UdpListener,
} from '../../src/listen/udp-listener.ts';
import type { Outcome } from '../../src/query/outcome.ts';
import { QueryCounters } from '../../src/query/query-counters.ts';
import type { Query } from '../../src/query/query.ts';
import { ServerCookies } from '../../src/query/server-cookies.ts';
import { systemCalls } from '../datagram/altered-calls.ts';
import { encodeQuery, rawResponse } from '../support/messages.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export const loopback: SocketAddress = { host: '127.0.0.1', port: 0 };

/** The defaults of the configuration. */
const tcpDefaults: TcpListenerOptions = {
  idleTimeoutMs: 10_000,
  connectionsMax: 1000,
  connectionsPerClientMax: 100,
  queriesPerConnectionMax: 100,
  writeBufferBytesMax: 256 * 1024,
};
const responderDefaults: ResponderOptions = {
  udpResponseBytesMax: 1232,
  tcpIdleTimeoutMs: 10_000,
  queriesInFlightMax: 10_000,
  queriesInFlightPerClientMax: 10_000,
  client: { ipv4PrefixLength: 32, ipv6PrefixLength: 64 },
};

/** Counts by the reason that listeners give. */
export class CountingObserver {
  readonly counts = new Map<string, number>();

  of(what: string): number {
    return this.counts.get(what) ?? 0;
  }

  countRejected(_transport: string, reason: string): void {
    this.#add(`rejected ${reason}`);
  }

  countDropped(reason: string): void {
    this.#add(`dropped ${reason}`);
  }

  countShed(_transport: string, reason: string): void {
    this.#add(`shed ${reason}`);
  }

  countConnectionRefused(reason: string): void {
    this.#add(`refused ${reason}`);
  }

  countSegmentationRefused(): void {
    this.#add('segmentation refused');
  }

  #add(what: string): void {
    this.counts.set(what, this.of(what) + 1);
  }
}

/** Stages that hold every query until the test lets it go. */
export class HeldStages {
  readonly queries: Query[] = [];
  readonly #settle: ((outcome: Outcome) => void)[] = [];

  readonly resolve = (query: Query): Promise<Outcome> => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.queries.push(query);
    this.#settle.push(resolve);
    return promise;
  };

  /** Answers the query that came as number `index`, with so many octets of data. */
  answer(index: number, octets = 4): void {
    const query = this.queries[index];
    if (query === undefined) throw new Error(`there is no query ${String(index)}`);
    this.#settle[index]?.(answerTo(query, octets));
  }
}

/** An answer with one record of unknown type. */
export function answerTo(query: Query, octets: number): Outcome {
  const records = [{ type: query.question.type, rdata: Buffer.alloc(octets, 0x2a) }];
  const wire = rawResponse(Buffer.concat([query.wire.subarray(0, 12), query.asked]), records);
  wire.fill(0, 0, 2);
  wire.writeUInt16BE(0x8080, 2);
  const answer: Answer = {
    kind: 'positive',
    wire,
    ttlSeconds: 60,
    authenticData: false,
    extendedErrors: [],
  };
  return { kind: 'answer', answer, ageSeconds: 0, extendedErrors: [], layer: 'upstream' };
}

/** A cache that has nothing, and one that has the same answer for everybody. */
const nothingKept: FreshAnswers = { serve: () => 0, lastAuthenticData: false };

/** Answers every question of the hot path with so many octets of data, where they fit. */
export function keptAnswers(octets: number): FreshAnswers {
  return {
    lastAuthenticData: false,
    serve: (key, keyLength, ...[, out, outStart, bytesMax]) => {
      const question = Buffer.from(key.subarray(0, keyLength - 1));
      const query = Buffer.concat([Buffer.alloc(12), question, Buffer.from([0, 1])]);
      const wire = rawResponse(query, [{ type: 1, rdata: Buffer.alloc(octets, 0x2a) }]);
      if (wire.length > bytesMax) return 0;
      out.set(wire, outStart);
      return wire.length;
    },
  };
}

export type UdpTransportName = 'batched' | 'dgram';

/** What holds for one of the transports holds for the other. */
export const udpTransports: readonly UdpTransportName[] = ['batched', 'dgram'];

export interface RigOptions {
  readonly tcp?: Partial<TcpListenerOptions>;
  readonly responder?: Partial<ResponderOptions>;
  readonly kept?: FreshAnswers;
  readonly address?: SocketAddress;
  /** Of the batched transport, in place of the system's. */
  readonly calls?: SystemCalls;
  readonly gate?: ClientGate;
  readonly proxiesFrom?: readonly string[];
  /** By default the stages hold every query. */
  readonly resolve?: (query: Query) => Promise<Outcome>;
}

/** What a listener needs, and what a test sees of it. */
export class Rig {
  readonly clock = new VirtualClock();
  readonly observer = new CountingObserver();
  readonly stages = new HeldStages();
  readonly cookies = new ServerCookies(this.clock);
  readonly responder: Responder;
  readonly dependencies: ListenerDependencies;
  readonly #options: RigOptions;
  #listener: TcpListener | UdpListener | undefined;

  constructor(options: RigOptions = {}) {
    this.#options = options;
    const clock: Clock = this.clock;
    const resolve = options.resolve ?? this.stages.resolve;
    const limits = { ...responderDefaults, ...options.responder };
    const gate = options.gate ?? new OpenGate();
    const parts = { clock, observer: this.observer, cookies: this.cookies, verified: gate };
    this.responder = new Responder(resolve, parts, limits);
    const kept = options.kept ?? nothingKept;
    const hotPath = new HotPath(kept, new QueryCounters(), clock, limits.udpResponseBytesMax);
    this.dependencies = {
      hotPath,
      responder: this.responder,
      observer: this.observer,
      gate,
      connections: new ConnectionQuota(responderDefaults.client),
      clock,
    };
  }

  /** A listener for connections, by default of DNS in the clear. */
  async tcp(protocol: StreamProtocol = dnsOverTcp): Promise<TcpListener> {
    const { proxiesFrom = [] } = this.#options;
    const options = { ...tcpDefaults, ...this.#options.tcp, ipv6Only: false, proxiesFrom };
    const address = this.#options.address ?? loopback;
    const listener = await TcpListener.open(address, options, this.dependencies, protocol);
    this.#listener = listener;
    return listener;
  }

  async udp(transport: UdpTransportName = 'dgram'): Promise<UdpListener> {
    const options = { receiveBufferBytes: 65_536, ipv6Only: false };
    const address = this.#options.address ?? loopback;
    const listener = await this.#open(transport)(address, options, this.dependencies);
    this.#listener = listener;
    return listener;
  }

  #open(transport: UdpTransportName): OpenUdpListener {
    return transport === 'batched'
      ? async (...parameters) =>
          BatchedUdpListener.open(this.#options.calls ?? systemCalls(), ...parameters)
      : (...parameters) => DgramUdpListener.open(...parameters);
  }

  async stop(): Promise<void> {
    await this.#listener?.close();
  }
}

/** A query whose id is its number. */
export function numbered(id: number, name = `q${String(id)}.example`): Buffer {
  return encodeQuery({ name, id });
}

import { PassThrough } from 'node:stream';
import { expect } from '@jest/globals';
import type { SocketAddress } from '../../src/base/address.ts';
import { formatAddress } from '../../src/base/address.ts';
import { SystemClock } from '../../src/base/clock.ts';
import { OwnMemory } from '../../src/base/process-memory.ts';
import type { ProcessMemory } from '../../src/base/process-memory.ts';
import { SystemRandom } from '../../src/base/random.ts';
import { chooseUdpTransport } from '../../src/assembly/udp-transport.ts';
import { Replica } from '../../src/assembly/replica.ts';
import type { Resolver } from '../../src/assembly/resolver.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ConfigSource } from '../../src/config/load.ts';
import { WinstonLog } from '../../src/telemetry/winston-log.ts';
import { askTcp, askUdp } from './dns-clients.ts';
import { encodeQuery, readMessage } from './messages.ts';
import type { QueryParts, ReadMessage } from './messages.ts';
import type { VirtualClock } from './virtual-clock.ts';
import { within } from './wait-for.ts';

export interface ReplicaOptions {
  /** As `upstream.servers` has them. */
  readonly upstreams?: readonly string[];
  /** Any option by its path, as on the command line. */
  readonly set?: Readonly<Record<string, string>>;
  readonly file?: string;
  /** Time that stands still unless the test moves it; else that of the machine. */
  readonly clock?: VirtualClock;
  /** What the process seems to take; else what it takes. */
  readonly memory?: ProcessMemory;
}

/** A replica in this process: real sockets on free ports of loopback. */
export class TestReplica {
  readonly replica: Replica;
  readonly resolver: Resolver;
  /** What it logged, as JSON lines. */
  readonly log: () => string;
  readonly #clock: VirtualClock | undefined;

  constructor(replica: Replica, log: () => string, clock: VirtualClock | undefined) {
    this.replica = replica;
    this.resolver = replica.resolver;
    this.log = log;
    this.#clock = clock;
  }

  get address(): SocketAddress {
    const [address] = this.replica.addresses;
    if (address === undefined) throw new Error('the replica does not listen');
    return address;
  }

  /** Fetches from its HTTP server. */
  http(path: string, init?: RequestInit): Promise<Response> {
    const { httpAddress } = this.replica;
    if (httpAddress === undefined) throw new Error('HTTP is off');
    return fetch(`http://${formatAddress(httpAddress)}${path}`, init);
  }

  /** The samples of a metric, as lines without the comment lines. */
  async metric(name: string): Promise<string[]> {
    const text = await (await this.http('/metrics')).text();
    return text.split('\n').filter((line) => line.startsWith(name));
  }

  async ask(parts: QueryParts): Promise<ReadMessage> {
    return readMessage(await askUdp(this.address, encodeQuery(parts)));
  }

  async askTcp(parts: QueryParts): Promise<ReadMessage> {
    return readMessage(await askTcp(this.address, encodeQuery(parts)));
  }

  /**
   * Asks three times: for an answer from upstream, from the hot path and from the stages. All of
   * them must be the same, octet for octet; on a clock that stands still, TTLs too.
   */
  async askBothWays(parts: QueryParts): Promise<ReadMessage> {
    const query = encodeQuery(parts);
    const fetched = await askUdp(this.address, query);
    const [hot, staged] = await this.askCached(query);
    expect(staged.toString('hex')).toBe(hot.toString('hex'));
    expect(hot.toString('hex')).toBe(fetched.toString('hex'));
    return readMessage(hot);
  }

  /** The answers of the hot path and of the stages to a query whose answer is kept. */
  async askCached(query: Buffer): Promise<readonly [hot: Buffer, staged: Buffer]> {
    const { hotPath } = this.resolver;
    const hitsBefore = hotPath.hits;
    const hot = await askUdp(this.address, query);
    expect(hotPath.hits).toBe(hitsBefore + 1);
    this.resolver.setHotPath(false);
    const staged = await askUdp(this.address, query);
    this.resolver.setHotPath(true);
    return [hot, staged];
  }

  async stop(): Promise<void> {
    let isStopped = false;
    const stopping = this.replica.stop().finally(() => (isStopped = true));
    while (this.#clock !== undefined && !isStopped) await this.#clock.advance(100);
    await within('a replica to stop', stopping);
  }
}

/** A replica that is ready. */
export async function startReplica(options: ReplicaOptions = {}): Promise<TestReplica> {
  const source: ConfigSource = {
    ...(options.file === undefined ? {} : { file: options.file }),
    env: {},
    flags: {
      'listen.addresses': '127.0.0.1:0',
      'http.address': '127.0.0.1:0',
      'shutdown.graceMs': '100',
      'upstream.loopDetection': 'false',
      ...(options.upstreams === undefined
        ? {}
        : { 'upstream.servers': options.upstreams.join(',') }),
      ...options.set,
    },
  };
  const clock = options.clock ?? new SystemClock();
  const loaded = loadConfig(source);
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const log = new WinstonLog({ ...loaded.config.log, format: 'json' }, { clock, stream });
  const udp = await chooseUdpTransport(loaded.config, clock);
  const replica = new Replica(source, loaded, {
    clock,
    random: new SystemRandom(),
    memory: options.memory ?? new OwnMemory(),
    log,
    surroundings: { resolvConf: () => '', interfaceAddresses: () => ['127.0.0.1', '::1'] },
    build: { version: '0.0.0-test', node: process.version, udpTransport: udp.name },
    udp,
  });
  await replica.start();
  return new TestReplica(replica, () => text, options.clock);
}

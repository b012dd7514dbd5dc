import type { TestMember } from '../support/member.ts';
import { ReplicaProcess } from '../support/processes.ts';
import type { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { Asker } from './asker.ts';

export type Settings = Readonly<Record<string, string>>;

export interface ClusterOptions {
  readonly replicas: number;
  readonly upstreams: readonly ScriptedUpstream[];
  /** Undefined: without a grid. */
  readonly member?: TestMember;
  /** Any option by its path. */
  readonly set?: Settings;
  /** Any option of one replica alone. */
  readonly setEach?: (index: number) => Settings;
  /** The environment of one replica; empty unless given. */
  readonly environmentOf?: (index: number) => NodeJS.ProcessEnv;
  /** A configuration file of all replicas, which may be changed and reloaded. */
  readonly file?: string;
  /** False: do not wait until the grid is connected. */
  readonly awaitGrid?: boolean;
}

/** Keeps clusters of different tests on one member apart. */
let clusters = 0;

/** Time for the machine to be slow in, where a test is not about deadlines or retransmission. */
export const patient: Settings = {
  'upstream.tryTimeoutMinMs': '1500',
  'grid.sharedCache.lookDeadlineMs': '1000',
  'grid.deduplication.deadlineMs': '1000',
};

/** Replicas as processes of their own, and a client for each. */
export class Cluster {
  readonly replicas: ReplicaProcess[];
  readonly clients: Asker[];
  readonly prefix: string;
  readonly #options: ClusterOptions;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.prefix = `test${String(++clusters)}`;
    this.replicas = [];
    this.clients = [];
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    try {
      const numbers = Array.from({ length: options.replicas }, (_, index) => index);
      await Promise.all(numbers.map((index) => cluster.startReplica(index)));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /**
   * Starts one, in the place of an earlier one or as another one.
   * @param awaitGrid whether to wait until it is connected
   */
  async startReplica(
    index: number,
    set: Settings = {},
    awaitGrid = this.#options.awaitGrid,
  ): Promise<void> {
    const { member, file } = this.#options;
    const replica = await ReplicaProcess.launch(
      [
        ...['serve', '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'],
        ...(file === undefined ? [] : ['-c', file]),
        ...this.#settings(index, set),
      ],
      this.#options.environmentOf?.(index),
    );
    await this.replicas[index]?.kill();
    this.replicas[index] = replica;
    this.clients[index]?.close();
    this.clients[index] = new Asker(replica.address);
    if (member !== undefined && awaitGrid !== false) await connected(replica);
  }

  #settings(index: number, set: Settings): string[] {
    const { member, upstreams } = this.#options;
    const settings = {
      'upstream.servers': upstreams.map(({ text }) => text).join(','),
      'upstream.loopDetection': 'false',
      'shutdown.graceMs': '100',
      'grid.prefix': this.prefix,
      'grid.replicaId': `r${String(index + 1)}`,
      ...(member === undefined ? {} : { 'grid.members': member.address }),
      ...this.#options.set,
      ...this.#options.setEach?.(index),
      ...set,
    };
    return Object.entries(settings).flatMap(([path, value]) => ['--set', `${path}=${value}`]);
  }

  replica(index: number): ReplicaProcess {
    const replica = this.replicas[index];
    if (replica === undefined) throw new Error(`there is no replica ${String(index)}`);
    return replica;
  }

  client(index: number): Asker {
    const client = this.clients[index];
    if (client === undefined) throw new Error(`there is no client ${String(index)}`);
    return client;
  }

  /** A series of all replicas, added up; 0 where it is missing. */
  async sum(series: string): Promise<number> {
    const values = await Promise.all(this.replicas.map((replica) => replica.metric(series)));
    return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  }

  /** @throws when a replica had ended by itself, with what it said last */
  async stop(): Promise<void> {
    for (const client of this.clients) client.close();
    const ends = this.replicas.flatMap(({ unexpectedEnd }) => unexpectedEnd ?? []);
    await Promise.all(this.replicas.map((replica) => replica.kill()));
    if (ends.length > 0) throw new Error(ends.join('\n'));
  }
}

/** Until the grid is connected and its clock is known: before that nothing is shared. */
export async function connected(replica: ReplicaProcess): Promise<void> {
  await waitFor('a replica to be connected to the grid', async () => {
    const skew = await replica.metric('heimdall_grid_clock_skew_seconds');
    return skew !== undefined && (await replica.metric('heimdall_grid_connected')) === 1;
  });
}

/** Queries that an upstream got about each name, names in lower case. */
export function queriesPerName(upstreams: readonly ScriptedUpstream[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { name } of upstreams.flatMap(({ queries }) => queries)) {
    const lower = name.toLowerCase();
    counts.set(lower, (counts.get(lower) ?? 0) + 1);
  }
  return counts;
}

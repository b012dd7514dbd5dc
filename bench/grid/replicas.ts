import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoUpstream } from '../../hazelcast/demo-upstream.ts';
import { projectRoot } from '../support/directories.ts';
import { freePort } from '../support/free-port.ts';
import { ServerProcess } from '../support/server-process.ts';
import { Client } from './client.ts';
import type { GridMember } from './grid-member.ts';

const connectTimeoutMs = 30_000;
const pollMs = 50;

export interface ReplicaSetting {
  readonly upstreams: readonly DemoUpstream[];
  /** Undefined: standalone. */
  readonly member?: GridMember | undefined;
  readonly set?: Readonly<Record<string, string>>;
}

/** One replica with a client of its own. */
export class GridReplica {
  readonly server: ServerProcess;
  readonly client: Client;
  readonly #api: string;

  private constructor(server: ServerProcess, httpPort: number) {
    this.server = server;
    this.client = new Client(server.port);
    this.#api = `http://127.0.0.1:${String(httpPort)}`;
  }

  static async start(name: string, prefix: string, setting: ReplicaSetting): Promise<GridReplica> {
    const [port, httpPort] = [await freePort(), await freePort()];
    const { upstreams, member } = setting;
    const set = {
      'upstream.servers': upstreams.map(({ text }) => text).join(','),
      'upstream.loopDetection': 'false',
      'upstream.tryTimeoutMinMs': '1500', // a busy machine must not look like lost datagrams
      'grid.prefix': prefix,
      'grid.replicaId': name,
      ...(member === undefined ? {} : { 'grid.members': member.address }),
      ...setting.set,
    };
    const replica = new GridReplica(
      await ServerProcess.start(name, port, [
        ...[process.execPath, join(projectRoot, 'src/main.ts'), 'serve'],
        ...['--listen', `127.0.0.1:${String(port)}`, '--http', `127.0.0.1:${String(httpPort)}`],
        ...Object.entries(set).flatMap(([path, value]) => ['--set', `${path}=${value}`]),
      ]),
      httpPort,
    );
    if (member !== undefined) await replica.#connected();
    return replica;
  }

  /** All samples whose line begins so, added up. */
  async metric(beginning: string, page = '/metrics'): Promise<number> {
    const text = await (await fetch(`${this.#api}${page}`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith(beginning))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** Lines of the metrics that begin so, the beginning cut off, with their values. */
  async samples(beginning: string): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.#api}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(beginning));
    return new Map(
      lines.map((line) => {
        const end = line.lastIndexOf(' ');
        return [line.slice(beginning.length, end), Number(line.slice(end))];
      }),
    );
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.server.stop();
  }

  /** Until answers can be shared: their age must be known. */
  async #connected(): Promise<void> {
    for (let waitedMs = 0; waitedMs < connectTimeoutMs; waitedMs += pollMs) {
      if ((await this.samples('heimdall_grid_clock_skew_seconds')).size > 0) return;
      await sleep(pollMs);
    }
    throw new Error(`${this.server.name} did not reach the grid`);
  }
}

let clusters = 0;

/** Runs `use` with so many replicas that nothing was asked of yet. */
export async function withReplicas<T>(
  count: number,
  setting: ReplicaSetting,
  use: (replicas: readonly GridReplica[], prefix: string) => Promise<T>,
): Promise<T> {
  const prefix = `bench${String(++clusters)}`;
  const replicas: GridReplica[] = [];
  try {
    for (let index = 1; index <= count; index++) {
      replicas.push(await GridReplica.start(`r${String(index)}`, prefix, setting));
    }
    return await use(replicas, prefix);
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop()));
  }
}

/** A metric of all replicas, added up. */
export async function sumOf(
  replicas: readonly GridReplica[],
  beginning: string,
  page?: string,
): Promise<number> {
  const values = await Promise.all(replicas.map((replica) => replica.metric(beginning, page)));
  return values.reduce((sum, value) => sum + value, 0);
}

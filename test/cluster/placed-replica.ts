import { fileURLToPath } from 'node:url';
import { TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { Asker } from './asker.ts';
import type { Settings } from './cluster.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** Where tests have an address to themselves. */
const ports = { dns: 5300, http: 8080 };

export interface Placement {
  /** The address that it listens at. */
  readonly host: string;
  /** Makes its command line that of where it runs; here unless given. */
  readonly place?: (program: readonly string[]) => readonly string[];
  /** Others than 5300 and 8080, where another one listens at these. */
  readonly ports?: typeof ports;
  readonly settings: Settings;
}

/** A replica at a given address, wherever that is. */
export class PlacedReplica {
  readonly client: Asker;
  /** `http://10.233.1.2:8080` */
  readonly api: string;
  readonly #process: TestProcess;

  constructor(placement: Placement) {
    const { host, place = (program) => program } = placement;
    const { dns, http } = placement.ports ?? ports;
    const settings = {
      'upstream.loopDetection': 'false',
      'shutdown.graceMs': '100',
      ...placement.settings,
    };
    const [command = '', ...argv] = place([
      ...[process.execPath, main, 'serve'],
      ...['--listen', `${host}:${String(dns)}`, '--http', `${host}:${String(http)}`],
      ...Object.entries(settings).flatMap(([path, value]) => ['--set', `${path}=${value}`]),
    ]);
    this.#process = new TestProcess(command, argv, {});
    this.client = new Asker({ host, port: dns });
    this.api = `http://${host}:${String(http)}`;
  }

  /** The value of a series; undefined while there is none. */
  async metric(series: string): Promise<number | undefined> {
    if (this.#process.hasEnded) throw new Error(`it ended: ${this.#process.stderr}`);
    const response = await fetch(`${this.api}/metrics`).catch(() => undefined);
    const lines = (await response?.text())?.split('\n') ?? [];
    const line = lines.find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }

  async connected(): Promise<void> {
    try {
      await waitFor('a replica to be connected to the grid', async () => {
        const skew = await this.metric('heimdall_grid_clock_skew_seconds');
        return skew !== undefined && (await this.metric('heimdall_grid_connected')) === 1;
      });
    } catch (cause) {
      throw new Error(`it is not connected, and said: ${this.#process.stderr}`, { cause });
    }
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.#process.kill();
  }
}

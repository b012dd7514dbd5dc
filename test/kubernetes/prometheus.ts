import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-ports.ts';
import { installed, TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

/** A sample that a query came to. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

export interface RuleState {
  readonly name: string;
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
}

/** The exporter of a member takes its time on a machine that is busy; replicas take milliseconds. */
const slowScrape = { scrape_interval: '2s', scrape_timeout: '2s' };

/** A real Prometheus that scrapes replicas and evaluates rules every quarter of a second. */
export class Prometheus {
  readonly #process: TestProcess;
  readonly #folder: string;
  readonly #url: string;

  private constructor(process: TestProcess, folder: string, url: string) {
    this.#process = process;
    this.#folder = folder;
    this.#url = url;
  }

  /**
   * @param targets host and port of what is scraped, by the name of the job
   * @param rules as a rule file has them
   */
  static async start(
    targets: Readonly<Record<string, readonly string[]>>,
    rules: unknown,
  ): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'heimdall-prometheus-'));
    writeFileSync(join(folder, 'rules.yaml'), JSON.stringify(rules));
    const config = {
      global: { scrape_interval: '250ms', scrape_timeout: '250ms', evaluation_interval: '250ms' },
      rule_files: ['rules.yaml'],
      scrape_configs: Object.entries(targets).map(([job_name, list]) => ({
        job_name,
        ...(job_name === 'heimdall-member' ? slowScrape : {}),
        static_configs: [{ targets: list }],
      })),
    };
    writeFileSync(join(folder, 'prometheus.yaml'), JSON.stringify(config));
    const address = `127.0.0.1:${String(await freePort())}`;
    const process = new TestProcess(
      installed('prometheus', 'prometheus'),
      [
        `--config.file=${join(folder, 'prometheus.yaml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
      ],
      globalThis.process.env,
    );
    const prometheus = new Prometheus(process, folder, `http://${address}`);
    await waitFor('Prometheus to be ready', async () => {
      if (process.hasEnded) throw new Error(`it ended: ${process.stderr}`);
      return fetch(`http://${address}/-/ready`).then(
        ({ ok }) => ok,
        () => false, // it does not listen yet
      );
    });
    return prometheus;
  }

  /** The samples of an expression now. @throws when Prometheus cannot evaluate it */
  async query(expression: string): Promise<readonly Sample[]> {
    const data = await this.#get('query', { query: expression });
    return (data as { readonly result: readonly Sample[] }).result;
  }

  async rules(): Promise<readonly RuleState[]> {
    const { groups } = (await this.#get('rules', {})) as {
      readonly groups: readonly { readonly rules: readonly RuleState[] }[];
    };
    return groups.flatMap((group) => group.rules);
  }

  /** The values that a label of a series has. */
  async labelValues(label: string, series: string): Promise<readonly string[]> {
    return (await this.#get(`label/${label}/values`, { 'match[]': series })) as readonly string[];
  }

  /** The names that the pages scraped tell of, also of series that have no sample yet. */
  async metricNames(): Promise<readonly string[]> {
    const told = Object.keys((await this.#get('metadata', {})) as object);
    return [...told, ...(await this.labelValues('__name__', '{job!=""}'))];
  }

  async #get(path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    const search = new URLSearchParams(parameters).toString();
    const response = await fetch(`${this.#url}/api/v1/${path}?${search}`);
    const { data, error } = (await response.json()) as { data?: unknown; error?: string };
    if (error !== undefined) throw new Error(`${parameters['query'] ?? path}: ${error}`);
    return data;
  }

  async stop(): Promise<void> {
    this.#process.signal('SIGTERM');
    await this.#process.finished();
    rmSync(this.#folder, { recursive: true });
  }
}

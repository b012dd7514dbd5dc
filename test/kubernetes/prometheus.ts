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

/** The samples that a query came to over a time. */
export interface Line {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [time: number, value: string])[];
}

/** When the values of a query are wanted, in Unix time. */
export interface TimeRange {
  readonly startS: number;
  readonly endS: number;
  readonly stepS: number;
}

/** The exporter of a member takes its time on a machine that is busy; replicas take milliseconds. */
const slowScrape = { scrape_interval: '2s', scrape_timeout: '2s' };

/** A real Prometheus that scrapes replicas and members, and evaluates rules. */
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
   * @param interval between two scrapes of a replica, and between two evaluations of a rule
   */
  static async start(
    targets: Readonly<Record<string, readonly string[]>>,
    rules: unknown,
    interval = '250ms',
  ): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'heimdall-prometheus-'));
    writeFileSync(join(folder, 'rules.yaml'), JSON.stringify(rules));
    const config = {
      global: {
        scrape_interval: interval,
        scrape_timeout: interval,
        evaluation_interval: interval,
      },
      rule_files: ['rules.yaml'],
      scrape_configs: Object.entries(targets).map(([job_name, list]) => ({
        job_name,
        ...(job_name === 'heimdall-member' ? slowScrape : {}),
        static_configs: list.map((target, index) => ({
          targets: [target],
          labels: { instance: `${job_name}-${String(index + 1)}` },
        })),
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

  /** The values of an expression over a time, by series. */
  async range(expression: string, { startS, endS, stepS }: TimeRange): Promise<readonly Line[]> {
    const data = await this.#get('query_range', {
      query: expression,
      start: String(startS),
      end: String(endS),
      step: String(stepS),
    });
    return (data as { readonly result: readonly Line[] }).result;
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

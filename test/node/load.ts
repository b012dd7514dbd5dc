import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { readCounts } from '../cluster/dnsperf.ts';
import type { LoadCounts } from '../cluster/dnsperf.ts';
import { installed } from '../support/processes.ts';

const execute = promisify(execFile);
/** Queries a second of each stream. */
const rate = 150;
/**
 * How long the sockets of a stream live, in seconds: one stream keeps them for longer than a pod takes to
 * end, so that its way to the pod must be taken from it; the other comes with new ones all the time.
 */
const lifetimes = [20, 3];

/** Queries for type A to a server on port 53, by dnsperf, until told to stop. */
export class Load {
  readonly #server: string;
  readonly #file: string;
  #isStopping = false;
  #streams: Promise<LoadCounts[]>[] = [];

  /** @param file a name and a type on each line */
  constructor(server: string, file: string) {
    this.#server = server;
    this.#file = file;
  }

  start(): void {
    this.#isStopping = false;
    this.#streams = lifetimes.map((seconds) => this.#stream(seconds));
  }

  /** Lets the queries under way end, and tells what came of all. */
  async stop(): Promise<LoadCounts> {
    this.#isStopping = true;
    return added((await Promise.all(this.#streams)).flat());
  }

  /** Every name once. */
  once(): Promise<LoadCounts> {
    return this.#run(['-n', '1']);
  }

  async #stream(seconds: number): Promise<LoadCounts[]> {
    const counts: LoadCounts[] = [];
    while (!this.#isStopping) counts.push(await this.#run(['-l', String(seconds)]));
    return counts;
  }

  async #run(limit: readonly string[]): Promise<LoadCounts> {
    const options = ['-c', '10', '-Q', String(rate), '-t', '5', '-W', ...limit];
    const argv = ['-s', this.#server, '-d', this.#file, ...options];
    const { stdout } = await execute(installed('dnsperf', 'dnsperf'), argv);
    return readCounts(stdout);
  }
}

export function added(counts: readonly LoadCounts[]): LoadCounts {
  const codes: Record<string, number> = {};
  for (const [code, count] of counts.flatMap((one) => Object.entries(one.codes))) {
    codes[code] = (codes[code] ?? 0) + count;
  }
  const sum = (of: (one: LoadCounts) => number): number =>
    counts.reduce((total, one) => total + of(one), 0);
  return { completed: sum((one) => one.completed), lost: sum((one) => one.lost), codes };
}

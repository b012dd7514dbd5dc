import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SocketAddress } from '../../src/base/address.ts';
import { installed } from '../support/processes.ts';

const execute = promisify(execFile);
/** Longer than any run here takes, also on a busy machine. */
const timeoutMs = 60_000;

export interface Load {
  /** Asked in this order, all for type A. */
  readonly names: readonly string[];
  /** How often the names are gone through. */
  readonly rounds: number;
  /** Queries a second at most; as fast as it goes unless given. */
  readonly rateMax?: number;
}

/** What dnsperf counted. */
export interface LoadCounts {
  readonly completed: number;
  /** Not answered within five seconds. */
  readonly lost: number;
  /** Responses by their code, such as `NOERROR`. */
  readonly codes: Readonly<Record<string, number>>;
}

/** More queries than a client in this process could send. @throws where dnsperf is missing */
export async function runDnsperf(server: SocketAddress, load: Load): Promise<LoadCounts> {
  const program = installed('dnsperf', 'dnsperf');
  const directory = await mkdtemp(join(tmpdir(), 'heimdall-load-'));
  try {
    const file = join(directory, 'names');
    await writeFile(file, load.names.map((name) => `${name} A\n`).join(''));
    const { stdout } = await execute(
      program,
      [
        ...['-s', server.host, '-p', String(server.port), '-d', file],
        ...['-n', String(load.rounds), '-q', '50', '-W'],
        ...(load.rateMax === undefined ? [] : ['-Q', String(load.rateMax)]),
      ],
      { timeout: timeoutMs },
    );
    return readCounts(stdout);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Reads `Queries lost: 3 (0.01%)` and `Response codes: NOERROR 990 (99.00%), SERVFAIL 10 (1.00%)`. */
export function readCounts(output: string): LoadCounts {
  const count = (what: string): number =>
    Number(new RegExp(`Queries ${what}:\\s+(\\d+)`).exec(output)?.[1]);
  const line = /Response codes:(.*)/.exec(output)?.[1] ?? '';
  const codes = Array.from(
    line.matchAll(/(\w+) (\d+) \(/g),
    ([, code = '', number]) => [code, Number(number)] as const,
  );
  return { completed: count('completed'), lost: count('lost'), codes: Object.fromEntries(codes) };
}

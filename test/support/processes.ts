import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SocketAddress } from '../../src/base/address.ts';
import { waitFor, within } from './wait-for.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** What a finished process left. */
export interface Finished {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process and all that it wrote. */
export class TestProcess {
  readonly #child: ChildProcess;
  readonly #finished: Promise<Finished>;
  #stdout = '';
  #stderr = '';
  #wasSignalled = false;

  constructor(command: string, argv: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = spawn(command, argv, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.#finished = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code) =>
        resolve({ code: code ?? undefined, stdout: this.#stdout, stderr: this.#stderr }),
      );
    });
    this.#finished.catch(() => undefined); // told to who waits for the end
  }

  get stderr(): string {
    return this.#stderr;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Why it ended although nobody here ended it; undefined when nothing of that kind happened. */
  get unexpectedEnd(): string | undefined {
    if (!this.hasEnded || this.#wasSignalled) return undefined;
    const { exitCode, signalCode, pid } = this.#child;
    const cause = signalCode ?? `code ${String(exitCode)}`;
    return `process ${String(pid)} ended by itself, ${cause}: ${this.#stderr.slice(-2000)}`;
  }

  signal(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGKILL'): void {
    this.#wasSignalled ||= signal !== 'SIGHUP';
    this.#child.kill(signal);
  }

  finished(): Promise<Finished> {
    return within('a process to end', this.#finished);
  }

  /** Ends it if it still runs. */
  async kill(): Promise<void> {
    if (!this.hasEnded) this.signal('SIGKILL');
    await this.finished();
  }
}

/** Runs a program to its end. */
export function run(command: string, argv: readonly string[]): Promise<Finished> {
  return new TestProcess(command, argv, process.env).finished();
}

/** Runs a command of Heimdall to its end; the environment is empty but for `env`. */
export function runHeimdall(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  return new TestProcess(process.execPath, [main, ...argv], env).finished();
}

/** A line of the log of a replica. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly message: string };

/** A replica in a process of its own, on free ports of loopback. */
export class ReplicaProcess extends TestProcess {
  #ready: LogLine | undefined;

  /** @param options by their path, as on the command line. */
  static async start(
    options: Readonly<Record<string, string>>,
    env: NodeJS.ProcessEnv = {},
  ): Promise<ReplicaProcess> {
    const set = Object.entries(options).flatMap(([path, value]) => ['--set', `${path}=${value}`]);
    const argv = ['serve', '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', ...set];
    return ReplicaProcess.launch(argv, env);
  }

  /** Starts one by its command line, and waits until it is ready. */
  static async launch(
    argv: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<ReplicaProcess> {
    const replica = new ReplicaProcess(process.execPath, [main, ...argv], env);
    replica.#ready = await waitFor('a replica to be ready', () => {
      if (replica.hasEnded) throw new Error(`it ended: ${replica.stderr}`);
      return replica.lines('ready')[0];
    });
    return replica;
  }

  get address(): SocketAddress {
    const listen = this.#ready?.['listen'] as readonly SocketAddress[];
    return listen[0] ?? { host: '', port: 0 };
  }

  /** `http://127.0.0.1:12345` */
  get api(): string {
    const http = this.#ready?.['http'] as SocketAddress | undefined;
    return http === undefined ? '' : `http://${http.host}:${String(http.port)}`;
  }

  /** What it logged with this message. */
  lines(message: string): LogLine[] {
    return this.stderr
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine)
      .filter((line) => line.message === message);
  }

  /** The value of a series, for example `heimdall_ready`. */
  async metric(series: string): Promise<number | undefined> {
    if (this.hasEnded) throw new Error(`it ended: ${this.stderr}`);
    const text = await (await fetch(`${this.api}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }

  async stop(): Promise<Finished> {
    this.signal('SIGTERM');
    return this.finished();
  }
}

/** Where a program of Debian is. @throws with what to install */
export function installed(program: string, debianPackage: string): string {
  const directories = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin'];
  const found = directories.map((path) => join(path, program)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new Error(`${program} is not installed: apt-get install ${debianPackage} (or .ci/run)`);
}

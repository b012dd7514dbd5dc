import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { sleep } from '../src/base/clock.ts';
import type { Clock } from '../src/base/clock.ts';
import { MemberStartFailed } from '../src/base/errors.ts';
import { memberArguments } from './member-command.ts';
import type { MemberValues } from './member-settings.ts';

/** 2 to 4 s are usual, 30 s were seen on a machine that was busy with other work. */
const readyTimeoutMs = 60_000;
const readyPollMs = 50;
/** A member hands its data over within 20 s (hazelcast.yaml); what is still there then, is stuck. */
const stopTimeoutMs = 30_000;

/** What a member tells of itself at `/hazelcast/health`. */
export interface MemberHealth {
  readonly nodeState: string;
  readonly clusterState: string;
  readonly clusterSafe: boolean;
  readonly migrationQueueSize: number;
  readonly clusterSize: number;
}

/** Makes a command line of another one, which ends up in the same process: `ip netns exec …`. */
export type Place = (program: readonly string[]) => readonly string[];

/** One member as a child process: the process is the JVM itself. */
export class MemberProcess {
  /** Resolves when it has ended, whatever the reason. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #healthUrl: string;
  #failure = '';

  /**
   * Starts it; `onLog` is given what it writes. The jars must be there (`fetchJars`).
   * @param place where it runs, if not here
   */
  constructor(
    values: MemberValues,
    clock: Clock,
    onLog: (text: string) => void,
    place: Place = (program) => program,
  ) {
    this.#clock = clock;
    this.#healthUrl = `http://${values.address ?? ''}:${values['rest-port'] ?? ''}/hazelcast/health`;
    const [command = '', ...argv] = place(['java', ...memberArguments(values)]);
    this.#child = spawn(command, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#child.on('error', (error) => {
      this.#failure = `java cannot be run: ${error.message}`;
      resolve();
    });
    this.#child.on('exit', (code, signal) => {
      this.#failure ||= `the member ended by ${signal ?? `code ${String(code)}`}`;
      resolve();
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', onLog);
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Why it is no longer there; empty while it is. */
  get failure(): string {
    return this.#failure;
  }

  /**
   * Waits until it answers resolvers.
   *
   * @throws MemberStartFailed when it ends before that, or takes longer than a minute.
   */
  async ready(): Promise<void> {
    const endMs = this.#clock.nowMs() + readyTimeoutMs;
    while (!(await this.#isReady())) {
      if (this.#failure !== '') throw new MemberStartFailed(this.#failure);
      if (this.#clock.nowMs() > endMs) {
        throw new MemberStartFailed(`the member was not ready in ${String(readyTimeoutMs)} ms`);
      }
      // Timers do not keep Node running, and an ended member does not either.
      await Promise.race([sleep(this.#clock, readyPollMs), this.ended]);
    }
  }

  async #isReady(): Promise<boolean> {
    try {
      const response = await this.#get('/ready');
      await response.arrayBuffer();
      // Another member may have been listening there already.
      return response.status === 200 && this.#failure === '';
    } catch {
      return false; // it does not listen yet
    }
  }

  /** What it tells of itself. */
  async health(): Promise<MemberHealth> {
    return (await (await this.#get('')).json()) as MemberHealth;
  }

  #get(path: string): Promise<Response> {
    return fetch(`${this.#healthUrl}${path}`, { signal: AbortSignal.timeout(1_000) });
  }

  /** Sends it a signal; nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Lets it hand its data over and end; ends it the hard way when that takes longer than 30 s. */
  async stop(): Promise<void> {
    const late = this.#clock.setTimer(stopTimeoutMs, () => this.signal('SIGKILL'));
    this.signal('SIGTERM');
    await this.ended;
    late.cancel();
  }
}

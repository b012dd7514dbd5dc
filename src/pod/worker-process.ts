import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import type { Duplex } from 'node:stream';
import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { ListenFailed } from '../base/errors.ts';
import type { FromWorker, OrderReport, ToWorker, WorkerOrder, WorkerSetup } from './control.ts';
import type { WorkerFigures } from '../telemetry/worker-figures.ts';

/** File descriptor of the carrier in the worker: behind the standard ones and the control channel. */
export const carrierDescriptor = 4;
/** A worker that starts takes a third of a second; one that takes this long hangs. */
const startMsMax = 15_000;
/** How often a worker tells what it counted: what it counted since is lost when it is killed. */
export const figuresIntervalMs = 1000;
/** A worker that says nothing for so many intervals hangs. Intervals, not time: a primary that was
 * stopped itself hears what was said meanwhile before it comes to the next one. */
const silentIntervalsMax = 15;

/** One worker as its primary sees it; a test can have others than processes. */
export interface WorkerHandle {
  readonly pid: number | undefined;
  /** Resolves when it takes queries. Rejects with {@link ListenFailed} when it cannot. */
  readonly listening: Promise<void>;
  /** How it ended. Never rejects. */
  readonly ended: Promise<string>;
  /** Undefined when it did not do so in time. */
  order(order: WorkerOrder, patienceMs: number): Promise<OrderReport | undefined>;
  /** Ends it at once. */
  kill(): void;
}

export interface WorkerProcessOptions {
  /** What a worker is started from. */
  readonly workerFile: URL;
  readonly setup: WorkerSetup;
  readonly clock: Clock;
  /** Takes the primary's end of the carrier. */
  readonly connect: (carrier: Duplex) => void;
  readonly onFigures: (figures: WorkerFigures) => void;
}

/** A worker in a process of its own. */
export class WorkerProcess implements WorkerHandle {
  readonly listening: Promise<void>;
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #onFigures: (figures: WorkerFigures) => void;
  readonly #listening = Promise.withResolvers<void>();
  /** Orders under way. */
  readonly #waiting = new Map<number, (report: OrderReport | undefined) => void>();
  readonly #startTimer: Timer;
  readonly #watchdog: Timer;
  #number = 0;
  #silentIntervals = 0;

  constructor({ workerFile, setup, clock, connect, onFigures }: WorkerProcessOptions) {
    this.#clock = clock;
    this.#onFigures = onFigures;
    this.listening = this.#listening.promise;
    this.listening.catch(() => undefined); // told to who waits for it
    this.#child = fork(workerFile, [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
      env: { ...process.env, ...compileCache() },
    });
    this.#child.on('message', (message) => this.#take(message as FromWorker)); // see control.ts
    const carrier = this.#child.stdio[carrierDescriptor];
    if (carrier !== undefined && carrier !== null) connect(carrier as Duplex); // 'pipe' makes a duplex
    this.#send({ kind: 'setup', setup });
    this.#startTimer = clock.setTimer(startMsMax, () => this.#fail('it does not start'));
    this.#watchdog = repeat(clock, figuresIntervalMs, () => this.#killIfSilent());
    this.ended = this.#watchEnd();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async order(order: WorkerOrder, patienceMs: number): Promise<OrderReport | undefined> {
    const number = this.#number++;
    const { promise, resolve } = Promise.withResolvers<OrderReport | undefined>();
    this.#waiting.set(number, resolve);
    const timer = this.#clock.setTimer(patienceMs, () => resolve(undefined));
    this.#send({ kind: 'order', number, order });
    try {
      return await promise;
    } finally {
      timer.cancel();
      this.#waiting.delete(number);
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #take(message: FromWorker): void {
    this.#silentIntervals = 0;
    switch (message.kind) {
      case 'listening':
        this.#startTimer.cancel();
        this.#listening.resolve();
        break;
      case 'failed':
        this.#fail(message.reason);
        break;
      case 'figures':
        this.#onFigures(message.figures);
        break;
      case 'done':
        this.#onFigures(message.report.figures);
        this.#waiting.get(message.number)?.(message.report);
        break;
    }
  }

  #killIfSilent(): void {
    this.#silentIntervals++;
    if (this.#silentIntervals > silentIntervalsMax) this.kill();
  }

  #fail(reason: string): void {
    this.#listening.reject(new ListenFailed(`a worker cannot serve: ${reason}`));
  }

  /** A channel that is closed is a worker that ends: 'exit' follows. */
  #send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #watchEnd(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const end = (how: string): void => {
      this.#startTimer.cancel();
      this.#watchdog.cancel();
      this.#fail(how);
      for (const settle of this.#waiting.values()) settle(undefined);
      resolve(how);
    };
    this.#child.on('error', (error) => end(`it could not be started: ${error.message}`));
    this.#child.on('exit', (code, signal) => {
      const how = signal === null ? `exit code ${String(code)}` : `signal ${signal}`;
      // What it told last may be on its way still: it is counted before the end, and not after.
      if (this.#child.connected) this.#child.once('disconnect', () => end(how));
      else end(how);
    });
    return promise;
  }
}

/** Workers take what was compiled before, as their primary does. */
function compileCache(): Record<string, string> {
  const directory = getCompileCacheDir();
  return directory === undefined ? {} : { NODE_COMPILE_CACHE: directory };
}

import type { Clock, Timer } from '../base/clock.ts';
import type { WorkerHandle } from './worker-process.ts';

/** First pause before a worker that ended is started again; it doubles… */
const backoffMinMs = 250;
/** …up to this: a worker that cannot run must not cost a core. */
const backoffMaxMs = 10_000;
/** Who served for so long is not what failed before. */
const healthyMs = 60_000;

export type WorkerState = 'starting' | 'listening' | 'stopping' | 'waiting';

export interface SlotDependencies {
  readonly clock: Clock;
  /** Starts a worker; each has a number of its own. */
  readonly startWorker: () => NumberedWorker;
  readonly observer: SlotObserver;
}

export interface NumberedWorker {
  readonly number: number;
  readonly handle: WorkerHandle;
}

/** Told what happens to workers; the outermost layer logs and counts here. */
export interface SlotObserver {
  /** A worker takes queries, or does so no more. */
  changed(): void;
  /** It has ended; what it told before was the last. */
  ended(worker: NumberedWorker): void;
  crashed(worker: NumberedWorker, how: string, restartInMs: number): void;
}

/** The place of one worker: started, started again when it ends by itself, replaced. */
export class WorkerSlot {
  readonly #dependencies: SlotDependencies;
  #current: NumberedWorker | undefined;
  #state: WorkerState = 'waiting';
  #backoffMs = backoffMinMs;
  /** Undefined until the present worker takes queries. */
  #listeningSinceMs: number | undefined;
  #replacement: NumberedWorker | undefined;
  #restartTimer: Timer | undefined;
  #restarts = 0;
  #isStopped = false;

  constructor(dependencies: SlotDependencies) {
    this.#dependencies = dependencies;
  }

  get state(): WorkerState {
    return this.#state;
  }

  get current(): NumberedWorker | undefined {
    return this.#current;
  }

  /** All that may answer queries, or soon will. */
  get workers(): NumberedWorker[] {
    return [this.#current, this.#replacement].filter((worker) => worker !== undefined);
  }

  /** Times that its worker ended by itself. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Starts the first worker. @throws {ListenFailed} when it cannot serve */
  async start(): Promise<void> {
    const worker = this.#launch();
    await worker.handle.listening;
  }

  /**
   * Puts a new worker beside the old one, and gives the old one to the caller once the new one
   * takes queries. @throws {ListenFailed} when the new one cannot; the old one stays
   */
  async replace(): Promise<NumberedWorker | undefined> {
    const replacement = this.#dependencies.startWorker();
    this.#replacement = replacement;
    try {
      await replacement.handle.listening;
    } catch (error) {
      replacement.handle.kill();
      throw error;
    } finally {
      this.#replacement = undefined;
    }
    if (this.#isStopped) {
      replacement.handle.kill();
      return undefined;
    }
    this.#restartTimer?.cancel();
    const old = this.#current;
    this.#take(replacement);
    this.#setListening();
    return old;
  }

  /** No more restarts. @returns the workers that are to be ended */
  stop(): NumberedWorker[] {
    this.#isStopped = true;
    this.#restartTimer?.cancel();
    if (this.#current !== undefined) this.#setState('stopping');
    return this.workers;
  }

  #launch(): NumberedWorker {
    const worker = this.#dependencies.startWorker();
    this.#setState('starting');
    this.#take(worker);
    void this.#awaitListening(worker);
    return worker;
  }

  async #awaitListening(worker: NumberedWorker): Promise<void> {
    try {
      await worker.handle.listening;
      if (this.#current === worker && !this.#isStopped) this.#setListening();
    } catch {
      worker.handle.kill(); // whether it said so itself or hangs: its end is told below
    }
  }

  #take(worker: NumberedWorker): void {
    this.#current = worker;
    this.#listeningSinceMs = undefined;
    void worker.handle.ended.then((how) => this.#end(worker, how)); // never rejects
  }

  #end(worker: NumberedWorker, how: string): void {
    this.#dependencies.observer.ended(worker);
    if (this.#current !== worker) return; // it was replaced
    this.#current = undefined;
    this.#setState('waiting');
    if (!this.#isStopped) this.#restartLater(worker, how);
  }

  #restartLater(worker: NumberedWorker, how: string): void {
    const { clock, observer } = this.#dependencies;
    const sinceMs = this.#listeningSinceMs ?? Number.POSITIVE_INFINITY;
    if (clock.nowMs() - sinceMs >= healthyMs) this.#backoffMs = backoffMinMs;
    const pauseMs = this.#backoffMs;
    this.#backoffMs = Math.min(backoffMaxMs, pauseMs * 2);
    this.#restarts++;
    observer.crashed(worker, how, pauseMs);
    this.#restartTimer = clock.setTimer(pauseMs, () => this.#launch());
  }

  #setListening(): void {
    this.#listeningSinceMs = this.#dependencies.clock.nowMs();
    this.#setState('listening');
  }

  #setState(state: WorkerState): void {
    this.#state = state;
    this.#dependencies.observer.changed();
  }
}

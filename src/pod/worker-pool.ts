import type { Clock } from '../base/clock.ts';
import type { OrderReport, WorkerOrder } from './control.ts';
import { WorkerSlot } from './worker-slot.ts';
import type { NumberedWorker, SlotObserver, WorkerState } from './worker-slot.ts';
import type { WorkerHandle } from './worker-process.ts';

/** Beyond the time that a worker was given to finish. */
const drainSlackMs = 5000;

export interface PoolDependencies {
  readonly clock: Clock;
  readonly startWorker: (number: number) => WorkerHandle;
  readonly observer: SlotObserver;
}

/** A place and who is in it. */
export interface WorkerPlace {
  /** From 1. */
  readonly place: number;
  readonly state: WorkerState;
  readonly restarts: number;
  readonly current: NumberedWorker | undefined;
}

/** The workers of a pod: as many as configured, started again when they end, replaced in turn. */
export class WorkerPool {
  readonly #slots: readonly WorkerSlot[];
  #started = 0;
  #isRolling = false;
  #isRollDue = false;
  #isStopped = false;

  constructor(count: number, { clock, startWorker, observer }: PoolDependencies) {
    const start = (): NumberedWorker => {
      const number = this.#started++;
      return { number, handle: startWorker(number) };
    };
    this.#slots = Array.from(
      { length: count },
      () => new WorkerSlot({ clock, startWorker: start, observer }),
    );
  }

  /** @throws {ListenFailed} when one of them cannot serve; then none is left */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#slots.map((slot) => slot.start()));
    } catch (error) {
      await this.#end(() => Promise.resolve());
      throw error;
    }
  }

  get restarts(): number {
    return this.#slots.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  get listening(): number {
    return this.#slots.filter(({ state }) => state === 'listening').length;
  }

  places(): WorkerPlace[] {
    return this.#slots.map(({ current, state, restarts }, index) => ({
      place: index + 1,
      state,
      restarts,
      current,
    }));
  }

  /** Gives all workers an order. @returns the reports of those that did so in time */
  async orderAll(order: WorkerOrder, patienceMs: number): Promise<OrderReport[]> {
    const workers = this.#slots.flatMap((slot) => slot.workers);
    const reports = await Promise.all(workers.map(({ handle }) => handle.order(order, patienceMs)));
    return reports.filter((report) => report !== undefined);
  }

  /**
   * Replaces one worker after the other; the next only when the one before has ended. A call while
   * that is under way makes it begin again behind.
   * @throws {ListenFailed} when a new one cannot serve; those not replaced yet go on
   */
  async roll(graceMs: number): Promise<void> {
    this.#isRollDue = true;
    if (this.#isRolling) return;
    this.#isRolling = true;
    try {
      while (this.#isRollDue && !this.#isStopped) {
        this.#isRollDue = false;
        for (const slot of this.#slots) await this.#replace(slot, graceMs);
      }
    } finally {
      this.#isRolling = false;
    }
  }

  async #replace(slot: WorkerSlot, graceMs: number): Promise<void> {
    if (this.#isStopped) return;
    const old = await slot.replace();
    if (old !== undefined) await drain(old, graceMs, true);
  }

  /** Lets all of them finish, and ends those that do not within `graceMs`. */
  stop(graceMs: number): Promise<void> {
    return this.#end((worker) => drain(worker, graceMs, false));
  }

  async #end(finish: (worker: NumberedWorker) => Promise<void>): Promise<void> {
    this.#isStopped = true;
    const workers = this.#slots.flatMap((slot) => slot.stop());
    await Promise.all(
      workers.map(async (worker) => {
        await finish(worker);
        worker.handle.kill();
        await worker.handle.ended;
      }),
    );
  }
}

async function drain(
  { handle }: NumberedWorker,
  graceMs: number,
  othersGoOn: boolean,
): Promise<void> {
  const order = { name: 'drain', graceMs, othersGoOn } as const;
  const report = await handle.order(order, graceMs + drainSlackMs);
  if (report === undefined) handle.kill();
  await handle.ended;
}

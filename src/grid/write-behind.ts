/** Writes under way at a time: enough to keep the grid busy, few enough to stay small. */
const concurrencyMax = 64;

interface Job {
  readonly key: string;
  readonly run: () => Promise<boolean>;
  /** Whether it was written; false when it was given up or dropped. */
  readonly ended: PromiseWithResolvers<boolean>;
}

/**
 * Writes that nobody waits for, in the order given. Bounded: when the grid is slower than the
 * answers come, the oldest writes are dropped, because the newest are asked for soonest.
 */
export class WriteBehind {
  readonly #queue: Job[] = [];
  readonly #queueMax: number;
  readonly #onDrop: () => void;
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(queueMax: number, onDrop: () => void) {
    this.#queueMax = queueMax;
    this.#onDrop = onDrop;
  }

  /**
   * @param run never rejects, and tells whether it was written
   * @returns whether it was, in the end
   */
  push(key: string, run: () => Promise<boolean>): Promise<boolean> {
    if (this.#queue.length >= this.#queueMax) {
      this.#queue.shift()?.ended.resolve(false);
      this.#onDrop();
    }
    const ended = Promise.withResolvers<boolean>();
    this.#queue.push({ key, run, ended });
    this.#work();
    return ended.promise;
  }

  /** Resolves when no write of this key waits or is under way. */
  async written(key: string): Promise<void> {
    await this.#queue.findLast((job) => job.key === key)?.ended.promise;
    await this.#underWay.get(key);
  }

  #work(): void {
    while (this.#underWay.size < concurrencyMax) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      const done = job.run().then((isWritten) => {
        if (this.#underWay.get(job.key) === done) this.#underWay.delete(job.key);
        job.ended.resolve(isWritten);
        this.#work();
      });
      this.#underWay.set(job.key, done);
    }
  }
}

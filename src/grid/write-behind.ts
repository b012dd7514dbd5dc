/** Writes under way at a time: enough to keep the grid busy, few enough to stay small. */
const concurrencyMax = 64;

interface Job {
  readonly key: string;
  readonly run: () => Promise<unknown>;
  /** Written, given up, or dropped. */
  readonly ended: PromiseWithResolvers<void>;
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

  /** @param run never rejects */
  push(key: string, run: () => Promise<unknown>): void {
    if (this.#queue.length >= this.#queueMax) {
      this.#queue.shift()?.ended.resolve();
      this.#onDrop();
    }
    this.#queue.push({ key, run, ended: Promise.withResolvers() });
    this.#work();
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
      const done = job.run().finally(() => {
        if (this.#underWay.get(job.key) === done) this.#underWay.delete(job.key);
        job.ended.resolve();
        this.#work();
      });
      this.#underWay.set(job.key, done);
    }
  }
}

/** Writes under way at a time: enough to keep the grid busy, few enough to stay small. */
const concurrencyMax = 64;

interface Job {
  readonly run: () => Promise<boolean>;
  /** Whether it was written; false when it was given up or dropped. */
  readonly ended: (isWritten: boolean) => void;
}

/**
 * Writes that nobody waits for, in the order given. Bounded: when the grid is slower than the
 * answers come, the oldest writes are dropped, because the newest are asked for soonest.
 */
export class WriteBehind {
  readonly #queue: Job[] = [];
  readonly #queueMax: number;
  readonly #onDrop: () => void;
  #underWay = 0;

  constructor(queueMax: number, onDrop: () => void) {
    this.#queueMax = queueMax;
    this.#onDrop = onDrop;
  }

  /**
   * @param run never rejects, and tells whether it was written
   * @returns whether it was, in the end
   */
  push(run: () => Promise<boolean>): Promise<boolean> {
    if (this.#queue.length >= this.#queueMax) {
      this.#queue.shift()?.ended(false);
      this.#onDrop();
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#queue.push({ run, ended: resolve });
    this.#work();
    return promise;
  }

  #work(): void {
    while (this.#underWay < concurrencyMax) {
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#underWay++;
      void job.run().then((isWritten) => {
        this.#underWay--;
        job.ended(isWritten);
        this.#work();
      });
    }
  }
}

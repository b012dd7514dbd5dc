/** Who waits for something to appear under a key of the grid; woken by entry listeners. */
export class Arrivals {
  readonly #waiting = new Map<string, Set<() => void>>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Calls `wake` at every change of `key` until the returned function is called. */
  await(key: string, wake: () => void): () => void {
    const waiting = this.#waiting.get(key) ?? new Set();
    waiting.add(wake);
    this.#waiting.set(key, waiting);
    return () => {
      waiting.delete(wake);
      if (waiting.size === 0) this.#waiting.delete(key);
    };
  }

  isAwaited(key: string): boolean {
    return this.#waiting.has(key);
  }

  /** Nothing will be told any more: all find out for themselves. */
  wakeAll(): void {
    for (const key of [...this.#waiting.keys()]) this.changed(key);
  }

  /** Something was written or removed under `key`. */
  changed(key: string): void {
    for (const wake of [...(this.#waiting.get(key) ?? [])]) wake();
  }
}

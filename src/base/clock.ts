/** A pending call of a {@link Clock}; cancelling it twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as an argument: nothing outside `base/` reads a clock or starts a timer of its own, so that
 * a whole resolver can run on virtual time.
 */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start, with fractions. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch. Only for what leaves the process: snapshots, logs, the grid. */
  wallMs(): number;
  /** Runs `task` once, `delayMs` from now. The process may exit while a timer is pending. */
  setTimer(delayMs: number, task: () => void): Timer;
}

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout;

  constructor(delayMs: number, task: () => void) {
    this.#handle = setTimeout(task, delayMs);
    this.#handle.unref();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** The clock of the machine. */
export class SystemClock implements Clock {
  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  setTimer(delayMs: number, task: () => void): Timer {
    return new SystemTimer(delayMs, task);
  }
}

/** The longest interval that Node.js knows, of 31 bits. */
const intervalMsMax = 2 ** 31 - 1;

/** Keeps the process alive until `work` has ended: waiting for a {@link Timer} does not. */
export async function holdProcess<T>(work: Promise<T>): Promise<T> {
  const hold = setInterval(() => undefined, intervalMsMax);
  try {
    return await work;
  } finally {
    clearInterval(hold);
  }
}

/** Resolves after `delayMs` on `clock`. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve);
  });
}

/** Calls `task` every `intervalMs` until cancelled; the next interval starts when the task returns. */
export function repeat(clock: Clock, intervalMs: number, task: () => void): Timer {
  let current: Timer;
  const arm = (): void => {
    current = clock.setTimer(intervalMs, () => {
      arm();
      task();
    });
  };
  arm();
  return { cancel: () => current.cancel() };
}

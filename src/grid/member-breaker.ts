/** When calls to a member are left out. */
export interface BreakerOptions {
  /** Calls judged together; the oldest is forgotten. */
  readonly windowCalls: number;
  /** How long a call counts: what happened before an outage tells nothing of now. */
  readonly windowMs: number;
  /** Calls before a judgement is passed. */
  readonly callsMin: number;
  /** Share of late or failed calls that opens it. */
  readonly lateShare: number;
  /** Pause between two probes while it is open. */
  readonly probeIntervalMs: number;
  /** How long a probe may take; nobody waits for it. */
  readonly probeDeadlineMs: number;
}

/**
 * The defaults: a frozen member costs ten queries a deadline each, then nothing; a member that
 * recovers is used again within half a second. By share, not by a run of failures: a busy member
 * answers some calls late without being gone.
 */
export const breakerDefaults: BreakerOptions = {
  windowCalls: 40,
  windowMs: 10_000,
  callsMin: 10,
  lateShare: 0.5,
  probeIntervalMs: 500,
  probeDeadlineMs: 50,
};

/** Judges one member by the calls made to it. */
export class MemberBreaker {
  readonly #options: BreakerOptions;
  readonly #calls: { readonly wasLate: boolean; readonly atMs: number }[] = [];
  #isOpen = false;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Whether calls to the member are left out; probes decide when that ends. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** A call, or while it is open a probe, came back in time, or it was late or failed. */
  record(wasLate: boolean, nowMs: number): void {
    if (this.#isOpen) {
      if (!wasLate) this.#close();
      return;
    }
    const { windowCalls, windowMs, callsMin, lateShare } = this.#options;
    this.#calls.push({ wasLate, atMs: nowMs });
    while (this.#calls.length > windowCalls || this.#isOld(nowMs - windowMs)) this.#calls.shift();
    // Only a late call is a reason: one in time must not end what earlier ones began.
    if (!wasLate || this.#calls.length < callsMin) return;
    const late = this.#calls.filter((call) => call.wasLate).length;
    this.#isOpen = late >= this.#calls.length * lateShare;
  }

  #isOld(beforeMs: number): boolean {
    const [oldest] = this.#calls;
    return oldest !== undefined && oldest.atMs < beforeMs;
  }

  #close(): void {
    this.#isOpen = false;
    this.#calls.length = 0;
  }
}

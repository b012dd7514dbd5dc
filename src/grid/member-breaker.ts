import type { Clock } from '../base/clock.ts';

/** When calls to a member are left out. */
export interface BreakerOptions {
  /** Calls judged together; the oldest is forgotten. */
  readonly windowCalls: number;
  /** Calls before a judgement is passed. */
  readonly callsMin: number;
  /** Share of late or failed calls that opens it. */
  readonly lateShare: number;
  /** Pause between two probes while it is open. */
  readonly probeIntervalMs: number;
}

/**
 * The defaults: a frozen member costs ten queries a deadline each, then nothing; a member that
 * recovers is used again within half a second. By share, not by a run of failures: a busy member
 * answers some calls late without being gone.
 */
export const breakerDefaults: BreakerOptions = {
  windowCalls: 40,
  callsMin: 10,
  lateShare: 0.5,
  probeIntervalMs: 500,
};

/** What to do with a call. */
export type Verdict =
  /** Make it and wait for it. */
  | 'call'
  /** Make it to learn how the member is, but do not wait. */
  | 'probe'
  /** Leave it out. */
  | 'skip';

/** Judges one member by the calls made to it. */
export class MemberBreaker {
  readonly #clock: Clock;
  readonly #options: BreakerOptions;
  readonly #late: boolean[] = [];
  #isOpen = false;
  #probeAtMs = 0;

  constructor(clock: Clock, options: BreakerOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  verdict(): Verdict {
    if (!this.#isOpen) return 'call';
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#probeAtMs) return 'skip';
    this.#probeAtMs = nowMs + this.#options.probeIntervalMs;
    return 'probe';
  }

  /** A call came back in time, or it was late or failed. */
  record(wasLate: boolean): void {
    if (this.#isOpen) {
      if (!wasLate) this.#close();
      return;
    }
    this.#late.push(wasLate);
    if (this.#late.length > this.#options.windowCalls) this.#late.shift();
    const late = this.#late.filter(Boolean).length;
    const { callsMin, lateShare, probeIntervalMs } = this.#options;
    if (this.#late.length < callsMin || late < this.#late.length * lateShare) return;
    this.#isOpen = true;
    this.#probeAtMs = this.#clock.nowMs() + probeIntervalMs;
  }

  #close(): void {
    this.#isOpen = false;
    this.#late.length = 0;
  }
}

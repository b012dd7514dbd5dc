/** How long an upstream without EDNS is asked without it. */
const ednsPauseMs = 3_600_000;
/** How long an upstream that does not keep the case of letters is asked without mixed case. */
const mixedCasePauseMs = 600_000;
/** Exchanges in a row with nothing but answers in another case, until mixed case is given up. */
const caseLossesMax = 3;

/** What an upstream was found unable to do, and until when that is believed. */
export class Habits {
  #ednsAfterMs = Number.NEGATIVE_INFINITY;
  #mixedCaseAfterMs = Number.NEGATIVE_INFINITY;
  #caseLosses = 0;

  usesEdns(nowMs: number): boolean {
    return nowMs >= this.#ednsAfterMs;
  }

  mixesCase(nowMs: number): boolean {
    return nowMs >= this.#mixedCaseAfterMs;
  }

  /** It answered without EDNS what it had refused with it (RFC 6891 section 6.2.2). */
  worksWithoutEdns(nowMs: number): void {
    this.#ednsAfterMs = nowMs + ednsPauseMs;
  }

  /** A question in mixed case came back as it was. */
  keptCase(): void {
    this.#caseLosses = 0;
  }

  /** An exchange saw nothing but answers in another case. */
  lostCase(nowMs: number): void {
    this.#caseLosses++;
    if (this.#caseLosses < caseLossesMax) return;
    this.#caseLosses = 0;
    this.#mixedCaseAfterMs = nowMs + mixedCasePauseMs;
  }
}

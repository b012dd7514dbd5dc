import type { Clock, Timer } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ServerState } from './health-board.ts';
import type { HealthOptions } from './options.ts';

/**
 * Responses in a row that all refuse or fail until an upstream counts as out: enough that no single
 * broken domain does it, few enough to leave a resolver that has lost its own way.
 */
const errorsMax = 20;
/** Errors in a row until others are asked first: one or two are often the fault of a domain. */
const doubtfulErrors = 3;
/** A pause is drawn from 75 % to 125 % of its length, so that replicas do not probe in step. */
const jitterLeast = 0.75;
const jitterSpan = 0.5;
/** 2^20 times the shortest pause is beyond any longest one. */
const doublingsMax = 20;

/** What the health of an upstream works with. */
export interface HealthDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly options: () => HealthOptions;
  /** The state is another one now. */
  readonly changed: (state: ServerState, reason: string) => void;
  /** The pause is over: find out whether it is back. */
  readonly recheck: (state: 'down' | 'loop') => void;
}

/**
 * Whether an upstream works, judged by what happens to it. After `failuresMax` failures in a row it
 * is out, and is probed after pauses that double; anything that succeeds brings it back.
 */
export class Health {
  readonly #deps: HealthDeps;
  #state: ServerState = 'unknown';
  #reason = 'never asked';
  #failuresInARow = 0;
  #errorsInARow = 0;
  #doublings = 0;
  #recheckAtMs: number | undefined;
  #recheck: Timer | undefined;
  #isStopped = false;
  #succeededAtMs = Number.NEGATIVE_INFINITY;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #lastFailure: string | undefined;

  constructor(deps: HealthDeps) {
    this.#deps = deps;
  }

  get state(): ServerState {
    return this.#state;
  }

  /** Why it is in its state. */
  get reason(): string {
    return this.#reason;
  }

  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** Something is wrong with it, though it is not out. */
  get isInDoubt(): boolean {
    return this.#failuresInARow > 0 || this.#errorsInARow >= doubtfulErrors;
  }

  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  /** Milliseconds since the last answer; infinite without one. */
  get sinceSuccessMs(): number {
    return this.#deps.clock.nowMs() - this.#succeededAtMs;
  }

  /** Milliseconds since the last failure; infinite without one. */
  get sinceFailureMs(): number {
    return this.#deps.clock.nowMs() - this.#failedAtMs;
  }

  /** Milliseconds until it is probed, if it is waiting for that. */
  get retryInMs(): number | undefined {
    return this.#recheckAtMs === undefined
      ? undefined
      : Math.max(0, this.#recheckAtMs - this.#deps.clock.nowMs());
  }

  /** It gave an answer. A loop stays one until {@link loopEnded}. */
  succeeded(): void {
    this.#errorsInARow = 0;
    this.#failuresInARow = 0;
    this.#succeededAtMs = this.#deps.clock.nowMs();
    if (this.#state === 'unknown') this.#enter('up', 'it answered');
    else if (this.#state === 'down') this.#comeBack('it answered again');
  }

  /** It responded, but with an error such as SERVFAIL: alive, and of no use to that question. */
  answeredWithError(codeName: string): void {
    this.#errorsInARow++;
    this.#lastFailure = codeName;
    if (this.#errorsInARow >= errorsMax && this.#state !== 'down' && this.#state !== 'loop') {
      this.#goDown(`${String(errorsMax)} errors in a row, the last ${codeName}`);
      return;
    }
    this.#failuresInARow = 0;
    if (this.#state === 'unknown') this.#enter('up', 'it responded');
  }

  /** No response in time, none that could be sent for, or garbage. */
  failed(reason: string): void {
    this.#failuresInARow++;
    this.#failedAtMs = this.#deps.clock.nowMs();
    this.#lastFailure = reason;
    if (this.#isWorking && this.#failuresInARow >= this.#deps.options().failuresMax) {
      this.#goDown(`${String(this.#failuresInARow)} failures in a row, the last: ${reason}`);
    }
  }

  /** A probe brought nothing: the next one comes after a pause twice as long. */
  probeFailed(reason: string): void {
    this.failed(reason);
    if (this.#state === 'down') this.#pause();
  }

  /** Others find it out, and a probe of ours brought nothing either: no more proof is needed. */
  doubtConfirmed(reason: string): void {
    this.failed(reason);
    if (this.#isWorking) this.#goDown(`others find it out, and so does a probe: ${reason}`);
  }

  /** Another replica probes it: look again after the shortest pause, for what it found out. */
  probeLeftToOthers(): void {
    if (this.#state === 'down') this.#recheckIn(this.#deps.options().backoffMinMs);
  }

  /** It leads back to this resolver. */
  foundLoop(): void {
    this.#doublings = 0;
    if (this.#state !== 'loop') this.#enter('loop', 'it leads back to this resolver');
    this.waitForLoopToEnd();
  }

  /** Whether the loop is still there is asked again after the longest pause. */
  waitForLoopToEnd(): void {
    if (this.#state === 'loop') this.#recheckIn(this.#deps.options().backoffMaxMs);
  }

  /** A question of ours no longer came back to us. */
  loopEnded(): void {
    this.#failuresInARow = 0;
    if (this.#state === 'loop') this.#comeBack('it no longer leads back to this resolver');
  }

  /** Nothing is probed from now on; exchanges in flight may still tell what became of them. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelRecheck();
  }

  get #isWorking(): boolean {
    return this.#state === 'up' || this.#state === 'unknown';
  }

  #cancelRecheck(): void {
    this.#recheck?.cancel();
    this.#recheckAtMs = undefined;
  }

  #comeBack(reason: string): void {
    this.#cancelRecheck();
    this.#doublings = 0;
    this.#enter('up', reason);
  }

  #goDown(reason: string): void {
    this.#errorsInARow = 0;
    this.#failedAtMs = this.#deps.clock.nowMs();
    this.#enter('down', reason);
    this.#pause();
  }

  #pause(): void {
    const { backoffMinMs, backoffMaxMs } = this.#deps.options();
    const lengthMs = Math.min(backoffMinMs * 2 ** this.#doublings, backoffMaxMs);
    this.#doublings = Math.min(this.#doublings + 1, doublingsMax);
    this.#recheckIn(lengthMs * (jitterLeast + jitterSpan * this.#deps.random.fraction()));
  }

  #recheckIn(delayMs: number): void {
    this.#cancelRecheck();
    if (this.#isStopped) return;
    this.#recheckAtMs = this.#deps.clock.nowMs() + delayMs;
    this.#recheck = this.#deps.clock.setTimer(delayMs, () => {
      this.#recheckAtMs = undefined;
      if (this.#state === 'down' || this.#state === 'loop') this.#deps.recheck(this.#state);
    });
  }

  #enter(state: ServerState, reason: string): void {
    this.#state = state;
    this.#reason = reason;
    this.#deps.changed(state, reason);
  }
}

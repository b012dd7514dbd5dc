import type { Timer } from '../base/clock.ts';
import { extendedErrorCode } from '../dns/codes.ts';
import { freshOutcome } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Attempt, AttemptListener, AttemptResult } from './attempt.ts';
import type { Attempts } from './attempts.ts';
import type { Choice, Tier } from './choice.ts';
import type { UpstreamContext } from './context.ts';
import { failureOf, notAsked } from './failure-outcome.ts';
import type { FailedAttempt } from './failure-outcome.ts';
import type { Server } from './server.ts';

/** An upstream that was asked; undefined while it is silent. */
interface Asked {
  readonly attempt: Attempt;
  result: FailedAttempt['result'];
}

/**
 * One query on its way through the upstreams. It goes in waves: each asks `width` upstreams that
 * were not asked yet; when the time of a wave's tries is over, or all of it failed, the next one
 * goes. After the last the question is sent again to those that are silent. All the while every
 * upstream asked may still answer: the first good answer wins, and the budget ends it.
 */
export class Asking implements AttemptListener {
  readonly #context: UpstreamContext;
  readonly #attempts: Attempts;
  readonly #query: Query;
  readonly #width: number;
  readonly #done: (outcome: Outcome) => void;
  readonly #endsAtMs: number;
  /** Tiers not yet begun, in order. */
  readonly #tiers: Tier[];
  /** Upstreams of the tier in hand that were not asked yet, in order. */
  #waiting: Server[] = [];
  #rank = 0;
  /** The upstreams asked and what they said so far, in order. */
  readonly #asked: Asked[] = [];
  #wave: readonly Attempt[] = [];
  #waveTimer: Timer | undefined;
  readonly #budget: Timer;
  #isOver = false;
  #wasRefused = false;

  /** @param done called once; not before {@link start} */
  constructor(
    context: UpstreamContext,
    attempts: Attempts,
    asked: { readonly query: Query; readonly choice: Choice },
    done: (outcome: Outcome) => void,
  ) {
    this.#context = context;
    this.#attempts = attempts;
    this.#query = asked.query;
    this.#width = asked.choice.width;
    this.#tiers = [...asked.choice.tiers];
    this.#done = done;
    const { queryBudgetMs } = context.options;
    this.#endsAtMs = context.clock.nowMs() + queryBudgetMs;
    this.#budget = context.clock.setTimer(queryBudgetMs, () => this.fail());
  }

  start(): void {
    this.#nextWave();
  }

  /** Ends it: nobody answered in time, or the resolver stops. */
  fail(): void {
    if (this.#wasRefused && this.#asked.length === 0) {
      this.#finish(notAsked(extendedErrorCode.OTHER, 'too many queries to upstreams in flight'));
      return;
    }
    const failed = this.#asked.map(({ attempt, result }) => ({
      server: attempt.server.text,
      result,
    }));
    this.#finish(failureOf(failed));
  }

  abandoned(): void {
    this.fail();
  }

  settled(attempt: Attempt, result: AttemptResult): void {
    if (this.#isOver) return;
    if (result.kind === 'answer') {
      const outcome = freshOutcome({ answer: result.answer, ageSeconds: 0 }, 'upstream');
      this.#finish({ ...outcome, detail: attempt.server.text });
      return;
    }
    const asked = this.#find(attempt);
    if (asked !== undefined) asked.result = result;
    if (this.#wave.every((other) => !this.#isPending(other))) this.#nextWave();
  }

  restarted(attempt: Attempt): void {
    if (!this.#isOver && this.#wave.includes(attempt)) this.#awaitWave();
  }

  #find(attempt: Attempt): Asked | undefined {
    return this.#asked.find((asked) => asked.attempt === attempt);
  }

  #isPending(attempt: Attempt): boolean {
    return this.#find(attempt)?.result === undefined;
  }

  #pending(): Attempt[] {
    return this.#asked.filter(({ result }) => result === undefined).map(({ attempt }) => attempt);
  }

  /** The upstreams of the next wave, all of one tier. */
  #nextServers(): Server[] {
    if (this.#waiting.length === 0) this.#beginTier();
    return this.#waiting.splice(0, this.#width);
  }

  /** Whoever responded, with an error, has said what a worse way to it would say as well. */
  #beginTier(): void {
    if (this.#asked.some(({ result }) => result?.kind === 'error')) return;
    const tier = this.#tiers.shift();
    if (tier === undefined) return;
    this.#waiting = [...tier.servers];
    this.#rank = tier.rank;
  }

  #nextWave(): void {
    this.#waveTimer?.cancel();
    const left = this.#wave;
    const begun = this.#begin(this.#nextServers());
    if (begun.length > 0) {
      for (const { server } of left) this.#context.observer.failover(server.text);
    }
    this.#wave = begun.length > 0 ? begun : this.#retransmit();
    if (this.#wave.length > 0) this.#awaitWave();
    else this.#awaitBudget();
  }

  #begin(servers: readonly Server[]): Attempt[] {
    const begun: Attempt[] = [];
    for (const server of servers) {
      const attempt = this.#attempts.begin(server, this.#query, this, this.#endsAtMs);
      if (attempt === undefined) this.#wasRefused = true;
      else if (this.#find(attempt) === undefined) {
        this.#asked.push({ attempt, result: undefined });
        begun.push(attempt);
      }
    }
    return begun;
  }

  /** Sends the question again to those that are silent, those first that had it least often. */
  #retransmit(): Attempt[] {
    const sent: Attempt[] = [];
    const silent = this.#pending().sort((one, other) => one.sends - other.sends);
    for (const attempt of silent) {
      if (sent.length < this.#width && attempt.retransmit()) sent.push(attempt);
    }
    return sent;
  }

  #awaitWave(): void {
    this.#waveTimer?.cancel();
    const timeoutsMs = this.#wave.map(({ server, sends }) => server.tryTimeoutMs(sends));
    // The worse way is gone when the better one has failed, not when it is slow today.
    const isWorseNext = this.#waiting.length === 0 && (this.#tiers[0]?.rank ?? 0) > this.#rank;
    const leastMs = isWorseNext ? this.#context.options.health.failureTimeoutMs : 0;
    this.#waveTimer = this.#context.clock.setTimer(Math.max(leastMs, ...timeoutsMs), () =>
      this.#onWaveTimeout(),
    );
  }

  #onWaveTimeout(): void {
    const restarted = this.#wave.filter((attempt) => attempt.tryTimeIsOver());
    if (restarted.length === 0) this.#nextWave();
  }

  /** Nothing is left to be done but to wait, if there is anything to wait for. */
  #awaitBudget(): void {
    this.#wave = this.#pending();
    if (this.#wave.length === 0) this.fail();
  }

  #finish(outcome: Outcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waveTimer?.cancel();
    this.#budget.cancel();
    for (const { attempt } of this.#asked) attempt.leave(this);
    this.#done(outcome);
  }
}

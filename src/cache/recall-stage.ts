import type { Clock } from '../base/clock.ts';
import { extendedErrorCode, recordType } from '../dns/codes.ts';
import type { ExtendedError } from '../dns/edns.ts';
import type { AgedAnswer, AnswerKind } from '../dns/answer.ts';
import { answerTo } from '../dns/answer-to.ts';
import { parentName } from '../dns/name.ts';
import { encodeKey, typeOfNxdomain } from '../dns/question.ts';
import { freshOutcome } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import type { AnswerCache, Recollection } from './answer-cache.ts';
import type { FailureCache } from './failure-cache.ts';
import { isFreshFor, isUsableStale, RecheckTimes, staleOutcome } from './stale-policy.ts';
import type { StalePolicy } from './stale-policy.ts';

/** What the stage decides by; all of it may change while running. */
export interface RecallPolicy {
  readonly stale: StalePolicy;
  /** An NXDOMAIN answers for all names below it (RFC 8020). */
  readonly nxdomainCut: boolean;
  /** Hits that make an answer worth a second opinion before it is gone; undefined: none is asked. */
  readonly knownGoodHitsMin: number | undefined;
}

/** Plain counters, read at scrape. */
export interface RecallFigures {
  readonly hits: number;
  readonly stale: number;
  readonly misses: number;
  readonly failureHits: number;
  readonly nxdomainCuts: number;
}

/** What most questions are about: with one of these a name is there. */
const addressTypes = [recordType.A, recordType.AAAA];

/** A race lost against the client's patience. */
const tooSlow = Symbol('too slow');

/**
 * L1 on the way down: a fresh answer, a stale one where fetching fails or takes too long, the
 * memory of a failure, or a miss that is passed on.
 */
export class RecallStage implements Stage {
  readonly name = 'cache';
  readonly #cache: AnswerCache;
  readonly #failures: FailureCache;
  readonly #clock: Clock;
  readonly #recheck = new RecheckTimes();
  #policy: RecallPolicy;
  #hits = 0;
  #stale = 0;
  #misses = 0;
  #failureHits = 0;
  #nxdomainCuts = 0;

  constructor(cache: AnswerCache, failures: FailureCache, clock: Clock, policy: RecallPolicy) {
    this.#cache = cache;
    this.#failures = failures;
    this.#clock = clock;
    this.#policy = policy;
  }

  figures(): RecallFigures {
    return {
      hits: this.#hits,
      stale: this.#stale,
      misses: this.#misses,
      failureHits: this.#failureHits,
      nxdomainCuts: this.#nxdomainCuts,
    };
  }

  setPolicy(policy: RecallPolicy): void {
    this.#policy = policy;
  }

  /** After a flush or a change of upstreams, nothing that failed before holds any more. */
  forgetFailures(): void {
    this.#recheck.clear();
    this.#failures.clear();
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    if (query.purpose !== 'client') return this.#renew(query, next);
    const nowMs = this.#clock.nowMs();
    const found = this.#cache.recall(query.key, nowMs, true);
    if (found !== undefined && found.expiredForMs < 0) {
      this.#hits++;
      return recalled(found);
    }
    const cut = this.#policy.nxdomainCut ? this.#nxdomainAbove(query, nowMs) : undefined;
    if (cut !== undefined) {
      this.#nxdomainCuts++;
      const answer = answerTo(query.question, cut.entry.answer);
      return freshOutcome({ answer, ageSeconds: cut.ageSeconds }, 'l1');
    }
    if (found !== undefined && isUsableStale(found.expiredForMs, this.#policy.stale)) {
      const { answer } = found.entry;
      return this.#refreshOrStale(query, { answer, ageSeconds: found.ageSeconds }, next);
    }
    const failed = this.#failures.current(query.keyText, nowMs);
    if (failed !== undefined) {
      this.#failureHits++;
      return withCachedError(failed);
    }
    this.#misses++;
    return next(query);
  }

  /**
   * What the cache of a worker asks for itself: an answer that is newer than its own one, which
   * another worker may have had fetched by now, or the memory that this failed a moment ago.
   */
  async #renew(query: Query, next: Next): Promise<Outcome> {
    const nowMs = this.#clock.nowMs();
    const found = this.#cache.recall(query.key, nowMs, false);
    if (found !== undefined && isFreshFor(query, agedAnswer(found))) return recalled(found);
    const recheckMs = this.#policy.stale.recheckSeconds * 1000;
    return this.#failures.current(query.keyText, nowMs, recheckMs) ?? next(query);
  }

  /**
   * The same for an expired answer that came from elsewhere: it is kept in L1, and used while it is
   * not past its stale time.
   */
  freshOrStale(query: Query, expired: AgedAnswer, next: Next): Promise<Outcome> {
    const { answer, ageSeconds } = expired;
    const expiredForMs = (ageSeconds - answer.ttlSeconds) * 1000;
    if (!isUsableStale(expiredForMs, this.#policy.stale)) return next(query);
    this.#cache.keepExpired(query.key, answer, this.#clock.nowMs(), ageSeconds);
    return this.#refreshOrStale(query, expired, next);
  }

  /**
   * An expired answer: a fresh one within the client's patience, else the stale one. The fetch
   * goes on after the client was answered; queries that come meanwhile need not wait as well.
   */
  async #refreshOrStale(query: Query, expired: AgedAnswer, next: Next): Promise<Outcome> {
    const { stale } = this.#policy;
    const nowMs = this.#clock.nowMs();
    const recheckMs = stale.recheckSeconds * 1000;
    // Not for longer than the pause, however long failures are remembered: with an answer to fall
    // back on, a question in half a minute finds out soon when an outage is over.
    const failed = this.#failures.current(query.keyText, nowMs, recheckMs);
    if (failed !== undefined) return this.#serveStale(expired, failed.extendedErrors);
    if (this.#recheck.isTooEarly(query.keyText, nowMs)) return this.#serveStale(expired, []);
    this.#misses++;
    const fetched = await this.#race(this.#refresh(query, next), stale.clientTimeoutMs);
    if (fetched !== tooSlow && fetched.kind !== 'failure') return fetched;
    this.#recheck.postpone(query.keyText, this.#clock.nowMs() + recheckMs);
    return this.#serveStale(expired, fetched === tooSlow ? [] : fetched.extendedErrors);
  }

  /** However late its answer comes, it ends the pause. */
  async #refresh(query: Query, next: Next): Promise<Outcome> {
    const outcome = await next({ ...query, purpose: 'refresh' });
    if (outcome.kind === 'answer') this.#recheck.forget(query.keyText);
    return outcome;
  }

  #serveStale(expired: AgedAnswer, reasons: readonly ExtendedError[]): Outcome {
    this.#stale++;
    return staleOutcome(expired, this.#policy.stale, reasons);
  }

  async #race(fetch: Promise<Outcome>, patienceMs: number): Promise<Outcome | typeof tooSlow> {
    const { promise, resolve } = Promise.withResolvers<typeof tooSlow>();
    const timer = this.#clock.setTimer(patienceMs, () => resolve(tooSlow));
    try {
      return await Promise.race([fetch, promise]);
    } finally {
      timer.cancel();
    }
  }

  /**
   * Whether an answer of this kind would take the place of a popular one that says more, and is not
   * long gone. An NXDOMAIN does so for every type of its name.
   */
  hasKnownGood(query: Query, kind: AnswerKind): boolean {
    const { knownGoodHitsMin: hitsMin } = this.#policy;
    if (hitsMin === undefined) return false;
    // What is prefetched is popular with the worker that asks for it.
    const isPopular = query.purpose === 'prefetch';
    if (this.#isKnownGood(query.key, kind, isPopular ? 0 : hitsMin)) return true;
    const { name } = query.question;
    return (
      kind === 'nxdomain' &&
      addressTypes.some((type) =>
        this.#isKnownGood(encodeKey({ name, type }, query.flags), kind, hitsMin),
      )
    );
  }

  #isKnownGood(key: Buffer, kind: AnswerKind, hitsMin: number): boolean {
    const found = this.#cache.recall(key, this.#clock.nowMs(), false);
    if (found === undefined || found.entry.hits < hitsMin) return false;
    if (found.expiredForMs > this.#policy.stale.staleSecondsMax * 1000) return false;
    const known = found.entry.answer.kind;
    return known === 'positive' || (known === 'nodata' && kind === 'nxdomain');
  }

  /** A fresh NXDOMAIN of a name above the question's, with the same flags. */
  #nxdomainAbove(query: Query, nowMs: number): Recollection | undefined {
    let name = parentName(query.question.name);
    // The keys of all names above are the ends of one.
    let key = encodeKey({ name, type: typeOfNxdomain }, query.flags);
    while (name.length > 1) {
      const found = this.#cache.recall(key, nowMs, false);
      if (found !== undefined && found.expiredForMs < 0) return found;
      const parent = parentName(name);
      key = key.subarray(name.length - parent.length);
      name = parent;
    }
    return undefined;
  }
}

function agedAnswer({ entry, ageSeconds }: Recollection): AgedAnswer {
  return { answer: entry.answer, ageSeconds };
}

function recalled(found: Recollection): Outcome {
  return freshOutcome(agedAnswer(found), 'l1');
}

/** Says that the failure comes from memory (RFC 8914 section 4.14). */
function withCachedError(failed: Outcome & { kind: 'failure' }): Outcome {
  const cached = { code: extendedErrorCode.CACHED_ERROR, text: '' };
  return { ...failed, extendedErrors: [...failed.extendedErrors, cached] };
}

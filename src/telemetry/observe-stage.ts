import type { Clock } from '../base/clock.ts';
import { extendedErrorCode, responseCode } from '../dns/codes.ts';
import { formatQuestion } from '../dns/question.ts';
import { failure } from '../query/outcome.ts';
import type { Layer, Outcome } from '../query/outcome.ts';
import { layers } from '../query/query-counters.ts';
import type { QueryCounters } from '../query/query-counters.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import { transportIndex } from './arrival-counters.ts';
import type { ArrivalCounters } from './arrival-counters.ts';
import type { Log } from './log.ts';
import { outcomeCode } from './query-log.ts';
import type { QueryLog } from './query-log.ts';

export interface ObserveDependencies {
  readonly clock: Clock;
  readonly counters: QueryCounters;
  readonly arrivals: ArrivalCounters;
  readonly queryLog: QueryLog;
  readonly log: Log;
}

const layerIndexes = new Map<Layer, number>(layers.map((layer, index) => [layer, index]));

/** The outermost stage: counts and logs what becomes of every query that a client waits for. */
export class ObserveStage implements Stage {
  readonly name = 'observe';
  readonly #clock: Clock;
  readonly #counters: QueryCounters;
  readonly #arrivals: ArrivalCounters;
  readonly #queryLog: QueryLog;
  readonly #log: Log;

  constructor({ clock, counters, arrivals, queryLog, log }: ObserveDependencies) {
    this.#clock = clock;
    this.#counters = counters;
    this.#arrivals = arrivals;
    this.#queryLog = queryLog;
    this.#log = log;
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    if (query.purpose !== 'client') return next(query);
    this.#counters.countQuery(transportIndex(query.transport), query.question.type);
    const outcome = await this.#settle(query, next);
    const durationMs = this.#clock.nowMs() - query.receivedAtMs;
    this.#count(query, outcome, durationMs / 1000);
    if (this.#queryLog.enabled) this.#queryLog.record(query, outcome, durationMs);
    return outcome;
  }

  /** Stages do not reject; should one do so it is a defect, which costs one answer and no more. */
  async #settle(query: Query, next: Next): Promise<Outcome> {
    try {
      return await next(query);
    } catch (error) {
      this.#log.error('a stage failed', { question: formatQuestion(query.question), error });
      const text = 'internal error';
      return failure(responseCode.SERVFAIL, 'failure', { code: extendedErrorCode.OTHER, text });
    }
  }

  #count(query: Query, outcome: Outcome, seconds: number): void {
    if (outcome.kind === 'drop') {
      this.#arrivals.countDropped(outcome.reason);
      return;
    }
    const code = outcomeCode(outcome) ?? responseCode.SERVFAIL;
    this.#counters.countResponse(transportIndex(query.transport), code);
    this.#counters.observeDuration(layerIndexes.get(outcome.layer) ?? 0, seconds);
  }
}

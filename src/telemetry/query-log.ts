import type { Random } from '../base/random.ts';
import { recordTypeName, responseCode, responseCodeName } from '../dns/codes.ts';
import { formatName } from '../dns/name.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import { anonymizeClient } from './client-address.ts';
import type { ClientDetail } from './client-address.ts';
import type { Log, LogFields } from './log.ts';

export interface QueryLogOptions {
  readonly enabled: boolean;
  /** From 0 to 1: how many of the queries are logged. */
  readonly sampleShare: number;
  readonly clients: ClientDetail;
}

/** The response code that an outcome leads to; undefined when nothing is sent. */
export function outcomeCode(outcome: Outcome): number | undefined {
  if (outcome.kind === 'drop') return undefined;
  if (outcome.kind === 'failure') return outcome.code;
  return outcome.answer.kind === 'nxdomain' ? responseCode.NXDOMAIN : responseCode.NOERROR;
}

/**
 * Writes a line per query, or per sampled query, when it is on. Answers of the hot path never come
 * by here: whoever switches this on switches the hot path off.
 */
export class QueryLog {
  readonly #log: Log;
  readonly #random: Random;
  #options: QueryLogOptions;

  constructor(options: QueryLogOptions, dependencies: { log: Log; random: Random }) {
    this.#options = options;
    this.#log = dependencies.log;
    this.#random = dependencies.random;
  }

  get enabled(): boolean {
    return this.#options.enabled;
  }

  get options(): QueryLogOptions {
    return this.#options;
  }

  configure(options: QueryLogOptions): void {
    this.#options = options;
  }

  /** Call it only while {@link enabled}. */
  record(query: Query, outcome: Outcome, durationMs: number): void {
    const { sampleShare } = this.#options;
    if (sampleShare < 1 && this.#random.fraction() >= sampleShare) return;
    this.#log.info('query', this.#fields(query, outcome, durationMs));
  }

  #fields(query: Query, outcome: Outcome, durationMs: number): LogFields {
    const code = outcomeCode(outcome);
    return {
      client: anonymizeClient(query.client.host, this.#options.clients),
      transport: query.transport,
      name: formatName(query.question.name),
      type: recordTypeName(query.question.type),
      code: code === undefined ? 'dropped' : responseCodeName(code),
      layer: outcome.kind === 'drop' ? undefined : outcome.layer,
      detail: outcome.kind === 'drop' ? outcome.reason : outcome.detail,
      durationMs: Math.round(durationMs * 1000) / 1000,
    };
  }
}

import type { QueryCounters } from '../query/query-counters.ts';
import { transports } from '../query/query-counters.ts';
import type { Transport } from '../query/query.ts';
import type { DropReason, RejectReason } from '../query/read-query.ts';
import { LabelCounter } from './label-counter.ts';

const rejectReasons: readonly RejectReason[] = [
  'malformed',
  'opcode',
  'question_count',
  'type',
  'class',
  'edns_malformed',
  'edns_version',
  'client_subnet',
  'cookie',
  'cookie_only',
];
const dropReasons: readonly DropReason[] = ['runt', 'response'];

const indexes: Readonly<Record<Transport, number>> = {
  udp: transports.indexOf('udp'),
  tcp: transports.indexOf('tcp'),
  tls: transports.indexOf('tls'),
  https: transports.indexOf('https'),
};

/** The index of a transport in {@link QueryCounters}. */
export function transportIndex(transport: Transport): number {
  return indexes[transport];
}

/** What listeners count: all that never becomes a query on its way through the stages. */
export class ArrivalCounters {
  readonly rejected = new LabelCounter<RejectReason>(rejectReasons);
  /** By the reason of the listener, or of the stage that dropped the query. */
  readonly dropped = new LabelCounter<string>(dropReasons);
  readonly shed = new LabelCounter<string>([]);
  readonly connectionsRefused = new LabelCounter<string>([]);
  segmentationRefused = 0;
  readonly #queries: QueryCounters;

  constructor(queries: QueryCounters) {
    this.#queries = queries;
  }

  /** Octets that were answered with `code` at once: no query could be read from them. */
  countRejected(transport: Transport, reason: RejectReason, code: number): void {
    this.rejected.count(reason);
    this.#queries.countResponse(indexes[transport], code);
  }

  /** Octets that were not answered at all. */
  countDropped(reason: string): void {
    this.dropped.count(reason);
  }

  /** A query that a limit turned away; with `code` when it was answered, without when not. */
  countShed(transport: Transport, reason: string, code?: number): void {
    this.shed.count(reason);
    if (code !== undefined) this.#queries.countResponse(indexes[transport], code);
  }

  /** A socket that sends each answer by itself from now on: what was joined was refused. */
  countSegmentationRefused(): void {
    this.segmentationRefused++;
  }

  /** A connection that a limit closed. */
  countConnectionRefused(reason: string): void {
    this.connectionsRefused.count(reason);
  }
}

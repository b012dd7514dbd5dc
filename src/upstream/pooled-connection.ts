import type { Clock } from '../base/clock.ts';
import type { ExchangeFailure } from '../base/errors.ts';
import type { Random } from '../base/random.ts';

/** A query on a connection. */
export interface PooledQuery {
  /** Its id on the connection may be another one. */
  readonly message: Buffer;
  /** A message for it has come. */
  hasResponse: boolean;
  /** Such a message, with the id of `message`; there may be several. */
  readonly answered: (octets: Buffer) => void;
  /** Nothing will come, and asking again would bring nothing else. */
  readonly refused: (reason: ExchangeFailure, text: string) => void;
}

/** What a connection is told and tells. */
export interface ConnectionDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly idleTimeoutMs: () => number;
  /** It stands. `isResumed`: by a TLS session of before (RFC 8446 section 2.2). */
  readonly opened: (isResumed: boolean) => void;
  /** A message with an id that nobody waits for. */
  readonly stray: () => void;
  /** Queries without a response, which may be asked elsewhere. */
  readonly returned: (end: ConnectionEnd) => void;
  /** It is over: told once, before its last queries are returned. */
  readonly closed: () => void;
}

/** What became of queries on a connection. */
export interface ConnectionEnd {
  readonly left: readonly PooledQuery[];
  /** Whether the connection ever stood. */
  readonly wasOpen: boolean;
  readonly reason: ExchangeFailure;
  readonly text: string;
}

/** A connection to an upstream that many queries share. It closes itself when it is idle. */
export interface PooledConnection {
  /** Queries without a response, the abandoned ones included where they still count. */
  readonly load: number;
  /** Whether it can be given a query. */
  readonly isUsable: boolean;
  /**
   * Sends a query; the caller has asked `isUsable` and bounds `load`.
   * @returns what to call when no response is waited for any more
   */
  send(query: PooledQuery): () => void;
  /** Closes it without telling anybody. */
  destroy(): void;
}

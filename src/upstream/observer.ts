import type { ExchangeFailure } from '../base/errors.ts';
import type { ServerState } from './health-board.ts';

/** Why a message is no response to what was asked; each is ignored and the wait goes on. */
export type MismatchKind =
  | 'wrong_source'
  | 'wrong_id'
  | 'wrong_question'
  | 'wrong_case'
  | 'wrong_subnet'
  | 'malformed'
  | 'not_a_response';

/**
 * Who wants to know what upstreams do. `server` is the text of the upstream, such as `9.9.9.9:53`.
 * Nothing is told of probes but what they change in the state of an upstream.
 */
export interface UpstreamObserver {
  /**
   * One response that is one to what was asked: told when it arrives, once for each, whether or not
   * it is used (late ones and the losers of a race included). `seconds` since the first sending of
   * its question, or since TCP was turned to; `code` as received, with its upper bits.
   */
  responseArrived(server: string, seconds: number, code: number): void;
  /** An exchange without a usable response: at most once per exchange. */
  exchangeFailed(server: string, reason: ExchangeFailure): void;
  /** A message that is no response to what was asked. */
  responseMismatched(server: string, kind: MismatchKind): void;
  stateChanged(server: string, state: ServerState, reason: string): void;
  /** A connection to it stands; `isResumed` says whether by a TLS session of before. */
  connectionOpened(server: string, isResumed: boolean): void;
  /** The upstream leads back to this resolver. */
  loopFound(server: string): void;
  /** A query left this upstream for another one: it failed, or its time was over. */
  failover(server: string): void;
  /** The same question was sent to it again. */
  retransmitted(server: string): void;
}

/** Nobody wants to know. */
export class NoObserver implements UpstreamObserver {
  responseArrived(): void {}
  exchangeFailed(): void {}
  responseMismatched(): void {}
  stateChanged(): void {}
  connectionOpened(): void {}
  loopFound(): void {}
  failover(): void {}
  retransmitted(): void {}
}

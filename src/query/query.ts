import type { SocketAddress } from '../base/address.ts';
import type { Edns } from '../dns/edns.ts';
import type { KeyFlags, Question, QuestionKey } from '../dns/question.ts';

/** How a query came in. */
export type Transport = 'udp' | 'tcp' | 'tls' | 'https';

/** A query on its way through the stages: well formed, one question of class IN. */
export interface Query {
  /** As received; nobody writes into it. */
  readonly wire: Buffer;
  /** The question's name, type and class as they stand in `wire`, in the client's case. */
  readonly asked: Buffer;
  readonly question: Question;
  readonly flags: KeyFlags;
  /** Name, type and flags: what makes two questions equal. */
  readonly key: Buffer;
  /** The same for a Map. */
  readonly keyText: QuestionKey;
  readonly recursionDesired: boolean;
  /** AD or DO was set: the client understands the AD bit (RFC 6840 section 5.7). */
  readonly wantsAuthenticData: boolean;
  /** The client's OPT record, if it sent one. */
  readonly edns: Edns | undefined;
  readonly transport: Transport;
  readonly client: SocketAddress;
  /** When it arrived, on the monotonic clock. */
  readonly receivedAtMs: number;
  /**
   * `client` for what somebody waits for; `prefetch` and `refresh` for what the cache asks for
   * itself: nobody waits, so it must not be answered from the cache again.
   */
  readonly purpose: 'client' | 'prefetch' | 'refresh';
  /** The upstream whose answer is doubted: only others are asked. */
  readonly doubted?: string;
}

/** Where a query came from. */
export interface Arrival {
  readonly transport: Transport;
  readonly client: SocketAddress;
  readonly receivedAtMs: number;
}

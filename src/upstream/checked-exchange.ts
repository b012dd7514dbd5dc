import type { ExchangeFailure } from '../base/errors.ts';
import { isForOtherSubnet } from '../dns/client-subnet.ts';
import type { UpstreamContext } from './context.ts';
import type { Exchange } from './exchange.ts';
import type { MismatchKind } from './observer.ts';
import { encodeQuery, mixCase } from './query-message.ts';
import type { QueryShape } from './query-message.ts';
import { mismatchOf } from './response-check.ts';
import { formatServer } from '../base/server-address.ts';
import type { ServerAddress } from '../base/server-address.ts';

/** What is asked, of whom, and how. */
export interface ExchangePlan {
  readonly address: ServerAddress;
  readonly shape: QueryShape;
  readonly mixCase: boolean;
}

/** What becomes of it. */
export interface CheckedHandlers {
  /** A response to what was asked: id, source, question and case are right; the rest is unread. */
  response(message: Buffer, elapsedMs: number): void;
  failed(reason: ExchangeFailure, text: string): void;
}

/**
 * One question on its way by one transport, with an id of its own, whose responses are checked.
 * Whatever does not match is counted, and the wait goes on (RFC 5452 section 9.1).
 */
export class CheckedExchange {
  readonly #context: UpstreamContext;
  readonly #plan: ExchangePlan;
  readonly #handlers: CheckedHandlers;
  readonly #sent: Buffer;
  readonly #sentAtMs: number;
  readonly #exchange: Exchange;
  #lastMismatch: MismatchKind | undefined;
  #sawWrongCase = false;

  constructor(context: UpstreamContext, plan: ExchangePlan, handlers: CheckedHandlers) {
    this.#context = context;
    this.#plan = plan;
    this.#handlers = handlers;
    const { name } = plan.shape.question;
    const asked = plan.mixCase ? mixCase(name, context.random) : name;
    this.#sent = encodeQuery(context.random.uint16(), asked, plan.shape, plan.address.transport);
    this.#sentAtMs = context.clock.nowMs();
    this.#exchange = context.transport.send(plan.address, this.#sent, {
      message: (octets) => this.#onMessage(octets),
      stranger: () => this.#mismatched('wrong_source'),
      failed: (reason, text) => this.#handlers.failed(reason, text),
    });
  }

  get isCaseMixed(): boolean {
    return this.#plan.mixCase;
  }

  /** Whether something came that was right but for the case of its letters. */
  get sawWrongCase(): boolean {
    return this.#sawWrongCase;
  }

  /** Why nothing usable came, when time is over. */
  get silence(): ExchangeFailure {
    return this.#lastMismatch === 'malformed' ? 'malformed' : 'timeout';
  }

  /**
   * The same octets on the same socket: another query would double a forger's chances (RFC 5452).
   */
  retransmit(): void {
    this.#exchange.retransmit();
  }

  close(): void {
    this.#exchange.close();
  }

  #onMessage(octets: Buffer): void {
    const { clientSubnet } = this.#plan.shape.flags;
    let mismatch = mismatchOf(octets, this.#sent, this.#plan.mixCase);
    if (clientSubnet !== undefined && isForOtherSubnet(octets, clientSubnet))
      mismatch ??= 'wrong_subnet';
    if (mismatch !== undefined) this.#mismatched(mismatch);
    else this.#handlers.response(octets, this.#context.clock.nowMs() - this.#sentAtMs);
  }

  #mismatched(kind: MismatchKind): void {
    this.#lastMismatch = kind;
    if (kind === 'wrong_case') this.#sawWrongCase = true;
    this.#context.observer.responseMismatched(formatServer(this.#plan.address), kind);
  }
}

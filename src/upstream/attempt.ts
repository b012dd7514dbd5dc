import type { Timer } from '../base/clock.ts';
import { MalformedMessage } from '../base/errors.ts';
import type { ExchangeFailure } from '../base/errors.ts';
import { byteAt } from '../base/bytes.ts';
import type { Answer } from '../dns/answer.ts';
import { nobodysSubnet } from '../dns/client-subnet.ts';
import type { ClientSubnet } from '../dns/client-subnet.ts';
import { responseCode } from '../dns/codes.ts';
import type { ExtendedError } from '../dns/edns.ts';
import { flagTruncated, headerResponseCode } from '../dns/message.ts';
import type { KeyFlags, Question, QuestionKey } from '../dns/question.ts';
import { sanitizeResponse } from '../dns/sanitize.ts';
import type { Sanitized } from '../dns/sanitize.ts';
import { CheckedExchange } from './checked-exchange.ts';
import type { UpstreamContext } from './context.ts';
import { refusesWithoutQuestion } from './response-check.ts';
import type { ServerTransport } from '../base/server-address.ts';
import type { Server } from './server.ts';

/**
 * RFC 9520 section 3.1: a question is sent at most three times to one server over one transport.
 */
const sendsMax = 3;

/** What asking one upstream came to. */
export type AttemptResult =
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** It responded, but not with an answer. */
  | {
      readonly kind: 'error';
      readonly code: number;
      readonly extendedErrors: readonly ExtendedError[];
      readonly referral: boolean;
    }
  /** No usable response. */
  | { readonly kind: 'broken'; readonly reason: ExchangeFailure; readonly text: string };

/** Who waits for an attempt. */
export interface AttemptListener {
  settled(attempt: Attempt, result: AttemptResult): void;
  /** The question goes out anew, over TCP or without EDNS: it deserves new patience. */
  restarted(attempt: Attempt): void;
  /** Nothing more will come: the resolver stops. */
  abandoned(): void;
}

/** What is asked. */
export interface AttemptQuestion {
  readonly question: Question;
  readonly flags: KeyFlags;
  /** What makes two questions equal. */
  readonly keyText: QuestionKey;
}

/**
 * One question to one upstream, until a response settles it or its time is over. It outlives those
 * who wait for it: a late response, or that of a race's loser, is still received, checked and
 * recorded. Never two exchanges at a time (RFC 5452 section 5: no second chance for a forger).
 */
export class Attempt {
  readonly server: Server;
  readonly #context: UpstreamContext;
  readonly #asked: AttemptQuestion;
  readonly #over: () => void;
  /** One most often. */
  #listeners: readonly AttemptListener[] = [];
  readonly #startedAtMs: number;
  #exchange: CheckedExchange;
  #transport: ServerTransport;
  #usesEdns: boolean;
  /** On whose behalf it is asked as it stands, which may be less than the question says. */
  #clientSubnet: ClientSubnet | undefined;
  #sends = 1;
  #hasFailed = false;
  #isOver = false;
  #failureTimer: Timer;
  #endTimer: Timer | undefined;
  #endsAtMs = 0;

  /** @param over called once, when it has come to its end */
  constructor(context: UpstreamContext, server: Server, asked: AttemptQuestion, over: () => void) {
    this.server = server;
    this.#context = context;
    this.#asked = asked;
    this.#over = over;
    this.#startedAtMs = context.clock.nowMs();
    this.#transport = server.address.transport;
    this.#usesEdns = server.habits.usesEdns(this.#startedAtMs);
    this.#clientSubnet = asked.flags.clientSubnet;
    this.#exchange = this.#open();
    this.#failureTimer = this.#awaitFailure();
  }

  /** How often its question went out by the transport in use. */
  get sends(): number {
    return this.#sends;
  }

  /** Waits for it too; it goes on until `untilMs` of the clock at least. */
  join(listener: AttemptListener, untilMs: number): void {
    if (!this.#listeners.includes(listener)) this.#listeners = [...this.#listeners, listener];
    const leastMs = this.#startedAtMs + this.#context.options.health.failureTimeoutMs;
    const endsAtMs = Math.max(untilMs, leastMs, this.#endsAtMs);
    if (endsAtMs === this.#endsAtMs) return;
    this.#endsAtMs = endsAtMs;
    this.#endTimer?.cancel();
    const delayMs = endsAtMs - this.#context.clock.nowMs();
    this.#endTimer = this.#context.clock.setTimer(delayMs, () => this.#giveUp());
  }

  /** Waits for it no longer; it goes on by itself. */
  leave(listener: AttemptListener): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  /** Sends the same octets again, if that is still allowed and of use. */
  retransmit(): boolean {
    if (this.#isOver || this.#transport !== 'udp' || this.#sends >= sendsMax) return false;
    this.#sends++;
    this.#exchange.retransmit();
    this.#context.observer.retransmitted(this.server.text);
    return true;
  }

  /**
   * The time of its try is over. Where only answers in another case came, the upstream may not keep
   * the case of letters, or somebody forges: TCP tells (draft-vixie-dnsext-dns0x20 section 3).
   * @returns whether the question went out anew for that
   */
  tryTimeIsOver(): boolean {
    if (this.#isOver || !this.#exchange.sawWrongCase) return false;
    this.server.habits.lostCase(this.#context.clock.nowMs());
    this.#restart('tcp', this.#usesEdns);
    return true;
  }

  /** Ends it: the resolver stops. */
  abandon(): void {
    for (const listener of this.#close()) listener.abandoned();
  }

  /** @returns who waited for it */
  #close(): readonly AttemptListener[] {
    const listeners = this.#listeners;
    if (this.#isOver) return [];
    this.#isOver = true;
    this.#exchange.close();
    this.#failureTimer.cancel();
    this.#endTimer?.cancel();
    this.#listeners = [];
    this.#over();
    return listeners;
  }

  #open(): CheckedExchange {
    const { options } = this.#context;
    const { question, flags } = this.#asked;
    const plan = {
      address: this.server.addressFor(this.#transport),
      shape: {
        question,
        flags: this.#clientSubnet ? { ...flags, clientSubnet: this.#clientSubnet } : flags,
        authenticData: options.trustAuthenticData,
        ednsBytes: this.#usesEdns ? options.ednsBytes : undefined,
      },
      mixCase: this.#transport === 'udp' && this.server.mixesCase,
    };
    return new CheckedExchange(this.#context, plan, {
      response: (message, elapsedMs) => this.#onResponse(message, elapsedMs),
      failed: (reason, text) => this.#break(reason, text),
    });
  }

  #restart(transport: ServerTransport, usesEdns: boolean): void {
    this.#exchange.close();
    this.#sends = transport === this.#transport ? this.#sends + 1 : 1;
    this.#transport = transport;
    this.#usesEdns = usesEdns;
    this.#failureTimer.cancel();
    this.#exchange = this.#open();
    this.#failureTimer = this.#awaitFailure();
    for (const listener of this.#listeners) listener.restarted(this);
  }

  /**
   * Silence for so long is a failure of the upstream, though its late response is still welcome.
   */
  #awaitFailure(): Timer {
    const { failureTimeoutMs } = this.#context.options.health;
    return this.#context.clock.setTimer(failureTimeoutMs, () => this.#fail(this.#exchange.silence));
  }

  #fail(reason: ExchangeFailure, text?: string): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.server.failed(reason, text);
  }

  #onResponse(message: Buffer, elapsedMs: number): void {
    if (this.#isOver) return;
    if (this.#exchange.isCaseMixed) this.server.habits.keptCase();
    if (this.#transport === this.server.address.transport) this.server.measured(elapsedMs);
    if ((byteAt(message, 2) & flagTruncated) !== 0) {
      this.#onTruncated(message, elapsedMs);
      return;
    }
    const result = this.#read(message);
    if (result === undefined) {
      this.#break('malformed', 'a response that cannot be read');
      return;
    }
    this.server.responded(receivedCode(message, result), elapsedMs);
    if (this.#mayLackEdns(result)) this.#restart(this.#transport, false);
    else if (this.#mayMindSubnet(result)) this.#restartForNobody();
    else this.#settle(settledResult(result, this.#withheld));
  }

  /**
   * The rest of a truncated message is not looked at: it may end within a record (RFC 2181 section
   * 9).
   */
  #onTruncated(message: Buffer, elapsedMs: number): void {
    if (this.#transport !== 'udp') {
      this.#break('malformed', 'a truncated response, though not over UDP');
      return;
    }
    this.server.responded(headerResponseCode(message), elapsedMs);
    this.#restart('tcp', this.#usesEdns);
  }

  #read(message: Buffer): Sanitized | undefined {
    if (refusesWithoutQuestion(message)) {
      const code = headerResponseCode(message);
      return { kind: 'failure', code, extendedErrors: [], edns: false, referral: false };
    }
    const { trustAuthenticData, ttl } = this.#context.options;
    const { dnssecOk } = this.#asked.flags;
    const clientSubnet = this.#clientSubnet;
    try {
      return sanitizeResponse(message, this.#asked.question, {
        dnssecOk,
        trustAuthenticData,
        ttl,
        clientSubnet,
      });
    } catch (error) {
      if (error instanceof MalformedMessage) return undefined;
      throw error;
    }
  }

  /** RFC 6891 section 7: who does not know EDNS responds so, and without an OPT record. */
  #mayLackEdns(result: Sanitized): boolean {
    if (!this.#usesEdns || result.kind !== 'failure') return false;
    if (result.code === responseCode.BADVERS) return true;
    const isRefusal = result.code === responseCode.FORMERR || result.code === responseCode.NOTIMP;
    return isRefusal && !result.edns;
  }

  /** RFC 7871 section 7.1.3: who does not want to be told of a subnet refuses. */
  #mayMindSubnet(result: Sanitized): boolean {
    const isTold = this.#usesEdns && (this.#clientSubnet?.sourceBits ?? 0) > 0;
    return isTold && result.kind === 'failure' && result.code === responseCode.REFUSED;
  }

  /** The subnet that the upstream did not want to be told of. */
  get #withheld(): ClientSubnet | undefined {
    const { clientSubnet } = this.#asked.flags;
    return this.#clientSubnet === clientSubnet ? undefined : clientSubnet;
  }

  #restartForNobody(): void {
    this.#clientSubnet = nobodysSubnet;
    this.#restart(this.#transport, this.#usesEdns);
  }

  #settle(result: AttemptResult): void {
    const { clock } = this.#context;
    const isLearned = !this.#usesEdns && this.server.habits.usesEdns(clock.nowMs());
    if (result.kind === 'answer' && isLearned) this.server.habits.worksWithoutEdns(clock.nowMs());
    this.#finish(result);
  }

  #break(reason: ExchangeFailure, text: string): void {
    this.#fail(reason, text);
    this.#finish({ kind: 'broken', reason, text });
  }

  /** Its silence was counted before, unless it went out anew a moment ago. */
  #giveUp(): void {
    this.#finish({ kind: 'broken', reason: this.#exchange.silence, text: 'no response in time' });
  }

  #finish(result: AttemptResult): void {
    for (const listener of this.#close()) listener.settled(this, result);
  }
}

/**
 * The code of a response as it was received: a referral, which is treated as SERVFAIL, has NOERROR.
 */
function receivedCode(message: Buffer, result: Sanitized): number {
  if (result.kind === 'answer' || result.referral) return headerResponseCode(message);
  return result.code;
}

/** What an upstream says to nobody in particular is not for everybody, but for the subnet alone. */
function settledResult(result: Sanitized, withheld: ClientSubnet | undefined): AttemptResult {
  if (result.kind === 'answer') {
    const { answer } = result;
    if (withheld === undefined) return { kind: 'answer', answer };
    return { kind: 'answer', answer: { ...answer, scopeBits: withheld.sourceBits } };
  }
  const { code, extendedErrors, referral } = result;
  return { kind: 'error', code, extendedErrors, referral };
}

import type { Timer } from '../base/clock.ts';
import type { ExchangeFailure } from '../base/errors.ts';
import { byteAt } from '../base/bytes.ts';
import { flagTruncated } from '../dns/message.ts';
import type { Question } from '../dns/question.ts';
import { readRecords } from '../dns/records.ts';
import { CheckedExchange } from './checked-exchange.ts';
import type { UpstreamContext } from './context.ts';
import type { Server } from './server.ts';

/** What became of a probe. */
export type ProbeResult = 'responded' | ExchangeFailure;

/** Told once; `text` says more of a failure. */
export type ProbeSettled = (result: ProbeResult, text?: string) => void;

/**
 * One question of our own to one upstream: any well-formed response will do, whatever its code. It
 * is not among the responses that the observer is told of; its round trip counts.
 */
export class Probe {
  readonly #server: Server;
  readonly #settle: ProbeSettled;
  readonly #exchange: CheckedExchange;
  readonly #timer: Timer;
  #isOver = false;

  /** @param settled called once, unless the probe is stopped */
  constructor(context: UpstreamContext, server: Server, question: Question, settled: ProbeSettled) {
    const { clock, options } = context;
    this.#server = server;
    this.#settle = settled;
    const plan = {
      address: server.address,
      shape: {
        question,
        flags: { dnssecOk: false, checkingDisabled: false },
        authenticData: false,
        ednsBytes: server.habits.usesEdns(clock.nowMs()) ? options.ednsBytes : undefined,
      },
      mixCase: false,
    };
    this.#exchange = new CheckedExchange(context, plan, {
      response: (message, elapsedMs) => this.#onResponse(message, elapsedMs),
      failed: (reason, text) => this.#finish(reason, text),
    });
    this.#timer = clock.setTimer(options.health.failureTimeoutMs, () =>
      this.#finish(this.#exchange.silence),
    );
  }

  stop(): void {
    this.#isOver = true;
    this.#timer.cancel();
    this.#exchange.close();
  }

  #onResponse(message: Buffer, elapsedMs: number): void {
    const isTruncated = (byteAt(message, 2) & flagTruncated) !== 0;
    if (!isTruncated && readRecords(message) === undefined) {
      this.#finish('malformed');
      return;
    }
    this.#server.measured(elapsedMs);
    this.#finish('responded');
  }

  #finish(result: ProbeResult, text?: string): void {
    if (this.#isOver) return;
    this.stop();
    this.#settle(result, text);
  }
}

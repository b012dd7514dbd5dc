import type { Duplex } from 'node:stream';
import { ChurningMap } from '../base/churning-map.ts';
import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { extendedErrorCode, responseCode } from '../dns/codes.ts';
import { failure } from '../query/outcome.ts';
import type { Outcome } from '../query/outcome.ts';
import type { Query } from '../query/query.ts';
import type { Stage } from '../query/stage.ts';
import { FrameCutter, FrameWriter } from './frame-stream.ts';
import { decodeOutcome, encodeAsk } from './frames.ts';

export interface AskOptions {
  /** Asks in flight; more are refused. */
  readonly asksMax: number;
  /** How long the primary may take: longer than it ever does by itself. */
  readonly deadlineMs: number;
}

interface Pending {
  readonly number: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly askedAtMs: number;
}

/** How often late asks are looked for: the deadline is a matter of seconds. */
const sweepIntervalMs = 250;
/** Numbers are used round and round: far more than can be in flight. */
const numbersMax = 0x1_0000_0000;

/**
 * The last stage of a worker: asks the primary, which knows the answers of all workers, the grid
 * and the upstreams. Settles every query, at the deadline at the latest.
 */
export class AskPrimaryStage implements Stage {
  readonly name = 'ask-primary';
  readonly #clock: Clock;
  readonly #writer: FrameWriter;
  readonly #sweep: Timer;
  /** In the order in which they were asked. */
  readonly #pending = new ChurningMap<number, Pending>();
  #options: AskOptions;
  #number = 0;
  #isGone = false;

  constructor(carrier: Duplex, clock: Clock, options: AskOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#writer = new FrameWriter(carrier);
    const cutter = new FrameCutter();
    carrier.on('data', (chunk: Buffer) => {
      if (!cutter.push(chunk, (frame) => this.#take(frame, carrier))) carrier.destroy();
    });
    carrier.on('error', () => carrier.destroy()); // 'close' follows
    carrier.on('close', () => this.#abandon());
    this.#sweep = repeat(clock, sweepIntervalMs, () => this.#giveUpLate());
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  setOptions(options: AskOptions): void {
    this.#options = options;
  }

  handle({ purpose, key, receivedAtMs }: Query): Promise<Outcome> {
    if (this.#isGone) return Promise.resolve(primaryGone);
    if (this.#pending.size >= this.#options.asksMax) return Promise.resolve(tooManyAsks);
    const number = this.#number;
    this.#number = (number + 1) % numbersMax;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const askedAtMs = this.#clock.nowMs();
    this.#pending.set(number, { number, resolve, askedAtMs });
    this.#writer.write(encodeAsk({ number, purpose, waitedMs: askedAtMs - receivedAtMs, key }));
    return promise;
  }

  #take(frame: Buffer, carrier: Duplex): void {
    const decoded = decodeOutcome(frame);
    if (decoded === undefined) {
      carrier.destroy(); // not what our own code writes: nothing behind it can be believed
      return;
    }
    this.#settle(decoded.number, decoded.outcome); // one that was given up is not there any more
  }

  #giveUpLate(): void {
    const askedBeforeMs = this.#clock.nowMs() - this.#options.deadlineMs;
    for (const { number, askedAtMs } of this.#pending.values()) {
      if (askedAtMs > askedBeforeMs) return;
      this.#settle(number, primaryLate);
    }
  }

  #abandon(): void {
    this.#isGone = true;
    this.#sweep.cancel();
    for (const { number } of this.#pending.values()) this.#settle(number, primaryGone);
  }

  #settle(number: number, outcome: Outcome): void {
    this.#pending.get(number)?.resolve(outcome);
    this.#pending.delete(number);
  }
}

function trouble(text: string): Outcome {
  return failure(responseCode.SERVFAIL, 'failure', { code: extendedErrorCode.OTHER, text });
}

const primaryGone = trouble('the primary process is gone');
const primaryLate = trouble('the primary process took too long');
const tooManyAsks = trouble('too many questions to the primary process in flight');

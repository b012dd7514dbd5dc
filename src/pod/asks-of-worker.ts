import type { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { extendedErrorCode, responseCode } from '../dns/codes.ts';
import { failure } from '../query/outcome.ts';
import { ownQuery } from '../query/own-query.ts';
import type { Next } from '../query/stage.ts';
import { FrameCutter, FrameWriter } from './frame-stream.ts';
import { decodeAsk, encodeOutcome } from './frames.ts';
import type { Ask } from './frames.ts';

export interface AsksDependencies {
  readonly clock: Clock;
  /** The stages behind; they bound how long an ask takes. */
  readonly answer: Next;
  /** Asks of this worker in flight; the worker keeps to the same limit. */
  readonly asksMax: () => number;
  /** Told of what only a defect can cause. */
  readonly report: (message: string, error?: unknown) => void;
}

/** The primary's end of the carrier to one worker. Ends with the carrier. */
export class AsksOfWorker {
  readonly #dependencies: AsksDependencies;
  readonly #writer: FrameWriter;
  #inFlight = 0;

  constructor(carrier: Duplex, dependencies: AsksDependencies) {
    this.#dependencies = dependencies;
    this.#writer = new FrameWriter(carrier);
    const cutter = new FrameCutter();
    carrier.on('data', (chunk: Buffer) => {
      if (!cutter.push(chunk, (frame) => this.#take(frame, carrier))) this.#cutOff(carrier);
    });
    carrier.on('error', () => carrier.destroy()); // its worker ends, or has ended
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  #take(frame: Buffer, carrier: Duplex): void {
    if (carrier.destroyed) return;
    const ask = decodeAsk(frame);
    if (ask === undefined) this.#cutOff(carrier);
    else void this.#settle(ask);
  }

  /** A worker without its carrier ends itself, and is started anew. */
  #cutOff(carrier: Duplex): void {
    this.#dependencies.report('a worker wrote what cannot be read: it is cut off');
    carrier.destroy();
  }

  async #settle({ number, purpose, waitedMs, key }: Ask): Promise<void> {
    const { clock, answer, asksMax, report } = this.#dependencies;
    if (this.#inFlight >= asksMax()) {
      this.#writer.write(encodeOutcome({ number, outcome: refused }));
      return;
    }
    this.#inFlight++;
    try {
      const query = ownQuery(key, purpose, clock.nowMs() - waitedMs);
      this.#writer.write(encodeOutcome({ number, outcome: await answer(query) }));
    } catch (error) {
      report('a stage failed', error); // the worker's client has an answer all the same
      this.#writer.write(encodeOutcome({ number, outcome: failed }));
    } finally {
      this.#inFlight--;
    }
  }
}

const refused = failure(responseCode.SERVFAIL, 'failure', {
  code: extendedErrorCode.OTHER,
  text: 'too many questions of workers in flight',
});
const failed = failure(responseCode.SERVFAIL, 'failure', {
  code: extendedErrorCode.OTHER,
  text: 'internal error',
});

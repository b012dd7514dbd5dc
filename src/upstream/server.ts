import type { ExchangeFailure } from '../base/errors.ts';
import { responseCode, responseCodeName } from '../dns/codes.ts';
import type { UpstreamContext } from './context.ts';
import { explained } from './failure-text.ts';
import { Habits } from './habits.ts';
import { Health } from './health.ts';
import type { ServerView } from './health-board.ts';
import { RoundTrip } from './round-trip.ts';
import { formatServer } from '../base/server-address.ts';
import type { ServerAddress, ServerTransport } from '../base/server-address.ts';

/** How an upstream that is out is asked whether it is back. */
export type Recheck = (server: Server, state: 'down' | 'loop') => void;

/**
 * One upstream, known by its address and transport: what was measured of it and what it can do.
 * Every route that names it shares it.
 */
export class Server {
  readonly address: ServerAddress;
  /** Its name everywhere: `9.9.9.9:53`. */
  readonly text: string;
  readonly roundTrip = new RoundTrip();
  readonly habits = new Habits();
  readonly health: Health;
  readonly #context: UpstreamContext;
  #responses = 0;
  #failures = 0;

  constructor(address: ServerAddress, context: UpstreamContext, recheck: Recheck) {
    this.address = address;
    this.text = formatServer(address);
    this.#context = context;
    this.health = new Health({
      clock: context.clock,
      random: context.random,
      options: () => context.options.health,
      changed: (state, reason) => {
        context.observer.stateChanged(this.text, state, reason);
        this.publish();
      },
      recheck: (state) => recheck(this, state),
    });
  }

  /** Where it is asked by a transport; the same object for its own one, as transports expect. */
  addressFor(transport: ServerTransport): ServerAddress {
    return transport === this.address.transport ? this.address : { ...this.address, transport };
  }

  get responses(): number {
    return this.#responses;
  }

  get failures(): number {
    return this.#failures;
  }

  /**
   * What to expect of its round trip: its own measure, else the cluster's. While it is in doubt, as
   * much as a failure lasts, so that others are asked first.
   */
  get estimateMs(): number | undefined {
    const { healthBoard, options } = this.#context;
    const measuredMs = this.roundTrip.smoothedMs ?? healthBoard.estimateMs(this.text);
    if (!this.health.isInDoubt) return measuredMs;
    return Math.max(measuredMs ?? 0, options.health.failureTimeoutMs);
  }

  /** Whether its questions get mixed case now. */
  get mixesCase(): boolean {
    const { clock, options } = this.#context;
    const isForgeable = this.address.transport === 'udp';
    return isForgeable && options.caseRandomization && this.habits.mixesCase(clock.nowMs());
  }

  /** How long the try number `tries`, from 1, waits for it. */
  tryTimeoutMs(tries: number): number {
    return this.roundTrip.tryTimeoutMs(tries, this.#context.options);
  }

  /** A response arrived: recorded once, now, whatever is done with it. */
  responded(code: number, elapsedMs: number): void {
    this.#responses++;
    this.#context.observer.responseArrived(this.text, elapsedMs / 1000, code);
    if (code === responseCode.NOERROR || code === responseCode.NXDOMAIN) this.health.succeeded();
    else this.health.answeredWithError(responseCodeName(code));
  }

  /** A round trip by its own transport took so long. */
  measured(elapsedMs: number): void {
    this.roundTrip.sample(Math.min(elapsedMs, this.#context.options.tryTimeoutMaxMs));
  }

  /**
   * An exchange had no usable response. When a socket of ours was missing, that is no fault of the
   * upstream. Silence is no sample of the round trip: tries would wait longer for who is mute.
   * @param text said of what an operator has to put right
   */
  failed(reason: ExchangeFailure, text?: string): void {
    this.#context.observer.exchangeFailed(this.text, reason);
    if (reason === 'exhausted') return;
    this.#failures++;
    this.health.failed(explained(reason, text));
  }

  stop(): void {
    this.health.stop();
    this.#context.healthBoard.withdraw(this.text);
  }

  /** Tells the other replicas how it is seen here. */
  publish(): void {
    this.#context.healthBoard.publish(this.text, () => this.#view());
  }

  #view(): ServerView {
    const { state, reason, sinceSuccessMs, sinceFailureMs } = this.health;
    return {
      state,
      reason,
      smoothedRttMs: this.roundTrip.smoothedMs,
      rttVariationMs: this.roundTrip.variationMs,
      responses: this.#responses,
      sinceSuccessMs: Number.isFinite(sinceSuccessMs) ? sinceSuccessMs : undefined,
      sinceFailureMs: Number.isFinite(sinceFailureMs) ? sinceFailureMs : undefined,
    };
  }
}

import type { Clock, Timer } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from './log.ts';
import { encodeSpans } from './otlp-encoding.ts';
import type { Span, SpanAttributes } from './trace-span.ts';
import type { SpanSink } from './tracer.ts';

/** Spans that wait for the next sending; what comes beyond is dropped. */
const queueMax = 4096;
const batchMax = 512;
const intervalMs = 1000;
const timeoutMs = 5000;

/** Sends spans to a collector in batches that nobody waits for. */
export class OtlpExporter implements SpanSink {
  readonly #endpoint: string;
  readonly #resource: SpanAttributes;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #queue: Span[] = [];
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #isFailing = false;
  #isStopped = false;
  sent = 0;
  dropped = 0;

  /** @param endpoint such as `http://127.0.0.1:4318/v1/traces` */
  constructor(
    endpoint: string,
    resource: SpanAttributes,
    { clock, log }: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#endpoint = endpoint;
    this.#resource = resource;
    this.#clock = clock;
    this.#log = log;
  }

  take(span: Span): void {
    if (this.#queue.length >= queueMax || this.#isStopped) {
      this.dropped++;
      return;
    }
    this.#queue.push(span);
    this.#timer ??= this.#clock.setTimer(intervalMs, () => this.#flush());
  }

  /** Sends what waits, once; ends within the time of two sendings. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#sending;
    if (this.#queue.length > 0) await this.#send();
  }

  #flush(): void {
    this.#timer = undefined;
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = undefined));
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0 && (await this.#send()));
    if (this.#queue.length > 0 && !this.#isStopped) {
      this.#timer ??= this.#clock.setTimer(intervalMs, () => this.#flush());
    }
  }

  /** What cannot be sent is given up: it would only keep the next from being sent. */
  async #send(): Promise<boolean> {
    const batch = this.#queue.splice(0, batchMax);
    const failure = await this.#post(encodeSpans(batch, this.#resource));
    if (failure === undefined) this.sent += batch.length;
    else this.dropped += batch.length;
    if (failure !== undefined && !this.#isFailing) {
      this.#log.warn('nobody takes traces', { endpoint: this.#endpoint, error: failure });
    }
    this.#isFailing = failure !== undefined;
    return failure === undefined;
  }

  /** @returns why it was not taken */
  async #post(body: string): Promise<string | undefined> {
    const abort = new AbortController();
    const patience = this.#clock.setTimer(timeoutMs, () => abort.abort());
    try {
      const response = await fetch(this.#endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: abort.signal,
      });
      await response.arrayBuffer(); // the connection is used again only when all was read
      return response.ok ? undefined : `HTTP status ${String(response.status)}`;
    } catch (error) {
      return describeError(error);
    } finally {
      patience.cancel();
    }
  }
}

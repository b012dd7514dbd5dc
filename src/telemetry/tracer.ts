import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Span, SpanAttributes, SpanKind } from './trace-span.ts';

/** Takes spans that have ended; never fails and never waits. */
export interface SpanSink {
  take(span: Span): void;
}

/** A span that is under way. */
export interface OpenSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: SpanAttributes;
}

/** How a span ended. */
export interface SpanEnd {
  readonly attributes?: SpanAttributes;
  readonly isError?: boolean;
}

interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
}

/**
 * Spans of the queries that are sampled. Which span is under way follows the asynchronous calls by
 * itself, so that no stage has to know of it; where no query is sampled nothing is recorded.
 */
export class Tracer {
  readonly #sink: SpanSink;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sampleShare: number;
  #offsetMs: number | undefined;
  readonly #current = new AsyncLocalStorage<SpanContext>();

  /** @param sampleShare from 0 to 1: how many of the queries are traced */
  constructor(
    sink: SpanSink,
    sampleShare: number,
    { clock, random }: { readonly clock: Clock; readonly random: Random },
  ) {
    this.#sink = sink;
    this.#sampleShare = sampleShare;
    this.#clock = clock;
    this.#random = random;
  }

  /** Does `task` as the first span of a trace, if this one is sampled. */
  root<T>(span: OpenSpan, task: () => Promise<T>, endOf: (result: T) => SpanEnd): Promise<T> {
    if (this.#random.fraction() >= this.#sampleShare) return task();
    return this.#run({ ...span, traceId: this.#id(16) }, task, endOf);
  }

  /** Does `task` as a part of the span under way; just does it where there is none. */
  child<T>(span: OpenSpan, task: () => Promise<T>, endOf: (result: T) => SpanEnd): Promise<T> {
    const parent = this.#current.getStore();
    if (parent === undefined) return task();
    const { traceId, spanId } = parent;
    return this.#run({ ...span, traceId, parentSpanId: spanId }, task, endOf);
  }

  /**
   * Begins a part of the span under way that no promise stands for.
   * @returns what ends it, once; undefined where there is no span under way
   */
  begin(span: OpenSpan): ((end: SpanEnd) => void) | undefined {
    const parent = this.#current.getStore();
    if (parent === undefined) return undefined;
    const { traceId, spanId: parentSpanId } = parent;
    const begun = { ...span, traceId, parentSpanId, spanId: this.#id(8) };
    const startMs = this.#nowMs();
    let isOpen = true;
    return (end) => {
      if (!isOpen) return;
      isOpen = false;
      this.#end(begun, startMs, end);
    };
  }

  async #run<T>(
    span: OpenSpan & { readonly traceId: string; readonly parentSpanId?: string },
    task: () => Promise<T>,
    endOf: (result: T) => SpanEnd,
  ): Promise<T> {
    const begun = { ...span, parentSpanId: span.parentSpanId, spanId: this.#id(8) };
    const startMs = this.#nowMs();
    const { traceId, spanId } = begun;
    const result = await this.#current.run({ traceId, spanId }, task);
    this.#end(begun, startMs, endOf(result));
    return result;
  }

  #end(
    span: Omit<Span, 'startMs' | 'endMs' | 'isError'>,
    startMs: number,
    { attributes = {}, isError = false }: SpanEnd,
  ): void {
    const all = { ...span.attributes, ...attributes };
    this.#sink.take({ ...span, attributes: all, isError, startMs, endMs: this.#nowMs() });
  }

  /** Unix time with the fractions of the monotonic clock, so that what is short is not nothing. */
  #nowMs(): number {
    this.#offsetMs ??= this.#clock.wallMs() - this.#clock.nowMs();
    return this.#offsetMs + this.#clock.nowMs();
  }

  #id(bytes: number): string {
    return Array.from({ length: bytes / 2 }, () =>
      this.#random.uint16().toString(16).padStart(4, '0'),
    ).join('');
  }
}

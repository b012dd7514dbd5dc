/** Values of `SpanKind` in opentelemetry/proto/trace/v1/trace.proto. */
export const spanKind = { internal: 1, server: 2, client: 3 } as const;

export type SpanKind = (typeof spanKind)[keyof typeof spanKind];

export type SpanAttributes = Readonly<Record<string, string | number>>;

/** What one part of answering a query took. Ids are hexadecimal (W3C Trace Context). */
export interface Span {
  /** 32 digits, the same for all of one query. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  /** Unix time in milliseconds, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  readonly isError: boolean;
}

import type { Span, SpanAttributes } from './trace-span.ts';

/** `StatusCode` of opentelemetry/proto/trace/v1/trace.proto. */
const statusError = 2;

/** The body of `POST /v1/traces` (OTLP/HTTP in JSON, opentelemetry.io/docs/specs/otlp). */
export function encodeSpans(spans: readonly Span[], resource: SpanAttributes): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: encodeAttributes(resource) },
        scopeSpans: [{ scope: { name: 'heimdall' }, spans: spans.map(encodeSpan) }],
      },
    ],
  });
}

function encodeSpan(span: Span): object {
  const { traceId, spanId, parentSpanId, name, kind, attributes, isError } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind,
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(span.endMs),
    attributes: encodeAttributes(attributes),
    ...(isError ? { status: { code: statusError } } : {}),
  };
}

/** As text: a number of that size has no place in JSON. */
function nanoseconds(timeMs: number): string {
  const wholeMs = Math.floor(timeMs);
  return String(BigInt(wholeMs) * 1_000_000n + BigInt(Math.round((timeMs - wholeMs) * 1_000_000)));
}

function encodeAttributes(attributes: SpanAttributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { doubleValue: value },
  }));
}

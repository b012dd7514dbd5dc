import { hostname } from 'node:os';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ServerAddress } from '../base/server-address.ts';
import { formatServer } from '../base/server-address.ts';
import { readVersion } from '../base/version.ts';
import type { Config } from '../config/schema.ts';
import type { Stage } from '../query/stage.ts';
import type { Log } from '../telemetry/log.ts';
import { OtlpExporter } from '../telemetry/otlp-exporter.ts';
import { spanKind } from '../telemetry/trace-span.ts';
import { TracedStage } from '../telemetry/traced-stage.ts';
import { Tracer } from '../telemetry/tracer.ts';
import type { Exchange, ExchangeHandlers, ExchangeTransport } from '../upstream/exchange.ts';

/** What traces queries, where that is on. */
export interface Tracing {
  readonly tracer: Tracer;
  readonly exporter: OtlpExporter;
}

export function tracingOf(
  { traces, grid }: Config,
  dependencies: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): Tracing | undefined {
  if (traces.endpoint === 'off') return undefined;
  const resource = {
    'service.name': 'heimdall',
    'service.version': readVersion(),
    'service.instance.id': grid.replicaId ?? hostname(),
  };
  const exporter = new OtlpExporter(traces.endpoint, resource, dependencies);
  return { tracer: new Tracer(exporter, traces.sampleShare, dependencies), exporter };
}

/** The same stages, each with a span of its own; unchanged where nothing is traced. */
export function tracedStages<Name extends string>(
  stages: Readonly<Record<Name, Stage>>,
  tracing: Tracing | undefined,
): Readonly<Record<Name, Stage>> {
  if (tracing === undefined) return stages;
  const traced: Record<Name, Stage> = { ...stages };
  const names = Object.keys(stages) as Name[]; // all there are
  for (const name of names) traced[name] = new TracedStage(stages[name], tracing.tracer);
  return traced;
}

/** A way to upstreams on which each exchange of a traced query is a span. */
export class TracedTransport implements ExchangeTransport {
  readonly #transport: ExchangeTransport;
  readonly #tracer: Tracer;

  constructor(transport: ExchangeTransport, tracer: Tracer) {
    this.#transport = transport;
    this.#tracer = tracer;
  }

  send(server: ServerAddress, message: Buffer, handlers: ExchangeHandlers): Exchange {
    const attributes = { 'server.address': formatServer(server) };
    const end = this.#tracer.begin({ name: 'exchange', kind: spanKind.client, attributes });
    if (end === undefined) return this.#transport.send(server, message, handlers);
    const exchange = this.#transport.send(server, message, {
      message: (octets) => {
        end({ attributes: { 'dns.response.octets': octets.length } });
        handlers.message(octets);
      },
      stranger: () => handlers.stranger(),
      failed: (reason, text) => {
        end({ attributes: { 'error.type': reason }, isError: true });
        handlers.failed(reason, text);
      },
    });
    return {
      retransmit: () => exchange.retransmit(),
      close: () => {
        end({ attributes: { 'error.type': 'no response' }, isError: true }); // unless it has ended
        exchange.close();
      },
    };
  }

  stop(): void {
    this.#transport.stop();
  }
}

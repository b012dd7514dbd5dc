import type { Clock } from '../base/clock.ts';
import type { Responder, Response } from '../listen/responder.ts';
import type { ClientVerdict } from '../query/client-verdict.ts';
import type { Dnstap } from '../telemetry/dnstap.ts';
import { tapKind } from '../telemetry/dnstap-message.ts';
import type { Exchange, ExchangeHandlers, ExchangeTransport } from '../upstream/exchange.ts';
import type { ServerAddress } from '../base/server-address.ts';

type Respond = Pick<Responder, 'respond'>;
type Origin = Parameters<Responder['respond']>[1];

/** A responder that lets a tap see the messages of clients. */
export class TappedResponder implements Respond {
  readonly #responder: Respond;
  readonly #tap: Dnstap;
  readonly #clock: Clock;

  constructor(responder: Respond, tap: Dnstap, clock: Clock) {
    this.#responder = responder;
    this.#tap = tap;
    this.#clock = clock;
  }

  respond(wire: Buffer, from: Origin, verdict?: ClientVerdict): Response {
    const askedAtMs = this.#clock.wallMs();
    const { transport, client: asking } = from;
    const common = { transport, asking, asked: undefined, askedAtMs };
    const note = (octets: Buffer | undefined): Buffer | undefined => {
      if (octets === undefined) return undefined;
      const answeredAtMs = this.#clock.wallMs();
      this.#tap.note({ ...common, kind: tapKind.clientResponse, answeredAtMs, octets });
      return octets;
    };
    this.#tap.note({
      ...common,
      kind: tapKind.clientQuery,
      answeredAtMs: undefined,
      octets: wire,
    });
    const response = this.#responder.respond(wire, from, verdict);
    return response instanceof Promise ? response.then(note) : note(response);
  }
}

/** A way to upstreams that lets a tap see what is asked and what comes back. */
export class TappedTransport implements ExchangeTransport {
  readonly #transport: ExchangeTransport;
  readonly #tap: Dnstap;
  readonly #clock: Clock;

  constructor(transport: ExchangeTransport, tap: Dnstap, clock: Clock) {
    this.#transport = transport;
    this.#tap = tap;
    this.#clock = clock;
  }

  send(server: ServerAddress, message: Buffer, handlers: ExchangeHandlers): Exchange {
    const { host, port, transport } = server;
    const askedAtMs = this.#clock.wallMs();
    const common = { transport, asking: undefined, asked: { host, port }, askedAtMs };
    const exchange = this.#transport.send(server, message, {
      message: (octets) => {
        const answeredAtMs = this.#clock.wallMs();
        this.#tap.note({ ...common, kind: tapKind.forwarderResponse, answeredAtMs, octets });
        handlers.message(octets);
      },
      stranger: () => handlers.stranger(),
      failed: (reason, text) => handlers.failed(reason, text),
    });
    // Behind the send: it may have changed the id.
    this.#tap.note({
      ...common,
      kind: tapKind.forwarderQuery,
      answeredAtMs: undefined,
      octets: message,
    });
    return exchange;
  }

  stop(): void {
    this.#transport.stop();
  }
}

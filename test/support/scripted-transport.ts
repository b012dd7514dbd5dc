import type { Clock, Timer } from '../../src/base/clock.ts';
import type { Exchange, ExchangeHandlers, ExchangeTransport } from '../../src/upstream/exchange.ts';
import { formatServer } from '../../src/base/server-address.ts';
import type { ServerAddress } from '../../src/base/server-address.ts';
import { encodeScriptedReply, readScriptedQuery } from './scripted-reply.ts';
import type { Script, ScriptedQuery, ScriptedReply } from './scripted-reply.ts';

/** A query and the upstream that it was sent to. */
export interface SentQuery extends ScriptedQuery {
  /** As configured: `tcp://…` for an upstream of TCP alone and for what went on over TCP. */
  readonly server: string;
  readonly atMs: number;
}

/**
 * Upstreams without sockets: what each does with a query stands in a script of the same kind as
 * that of a `ScriptedUpstream`, and delays pass on the clock given. An upstream without a script is
 * mute.
 */
export class ScriptedTransport implements ExchangeTransport {
  /** By server, for example `192.0.2.1:53`; one script serves both its transports. */
  readonly scripts = new Map<string, Script>();
  readonly sent: SentQuery[] = [];
  readonly #clock: Clock;
  readonly #open = new Set<Exchange>();
  #nextPort = 40_000;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Exchanges that were not closed: 0 after everything was stopped. */
  get exchangesOpen(): number {
    return this.#open.size;
  }

  /** How often a server was asked. */
  countOf(server: string): number {
    return this.sent.filter((query) => query.server === server).length;
  }

  send(server: ServerAddress, message: Buffer, handlers: ExchangeHandlers): Exchange {
    const timers = new Set<Timer>();
    const port = this.#nextPort++;
    const play = (): void => this.#play(server, { message, handlers, port, timers });
    const exchange: Exchange = {
      retransmit: play,
      close: () => {
        for (const timer of timers) timer.cancel();
        this.#open.delete(exchange);
      },
    };
    this.#open.add(exchange);
    play();
    return exchange;
  }

  stop(): void {
    for (const exchange of this.#open) exchange.close();
  }

  #play(server: ServerAddress, playing: Playing): void {
    const { transport } = server;
    const source = { host: '192.0.2.254', port: playing.port };
    const query = readScriptedQuery(Buffer.from(playing.message), transport, source);
    const text = formatServer(server);
    this.sent.push({ ...query, server: text, atMs: this.#clock.nowMs() });
    const script = this.scripts.get(text.replace('tcp://', '')) ?? this.scripts.get(text);
    const replies = script?.(query);
    if (replies === undefined) return;
    if (replies instanceof Promise) throw new TypeError('a script without sockets answers at once');
    for (const reply of [replies].flat()) {
      const timer = this.#clock.setTimer(reply.delayMs ?? 0, () => {
        playing.timers.delete(timer);
        deliver(query, reply, playing.handlers);
      });
      playing.timers.add(timer);
    }
  }
}

interface Playing {
  readonly message: Buffer;
  readonly handlers: ExchangeHandlers;
  readonly port: number;
  readonly timers: Set<Timer>;
}

function deliver(query: ScriptedQuery, reply: ScriptedReply, handlers: ExchangeHandlers): void {
  if (reply.broken !== undefined) handlers.failed(reply.broken, 'as the script says');
  else if (reply.fromOtherPort === true) handlers.stranger();
  else handlers.message(encodeScriptedReply(query, reply));
}

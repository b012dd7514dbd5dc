import type { Resolver } from '../../src/assembly/resolver.ts';
import { recordTypeNumber } from '../../src/dns/codes.ts';
import { describeMessage } from '../../src/dns/presentation.ts';
import type { DescribedMessage } from '../../src/dns/presentation.ts';
import { transports } from '../../src/query/query-counters.ts';
import { encodeQuery } from '../support/messages.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import { problemsOf } from './check-response.ts';
import type { AskedQuestion } from './statements.ts';

/** Heimdall's own EDNS option that asks for the layer of the answer. */
const layerOptionCode = 65_310;
/** Room for an answer of the hot path, as listeners give it. */
const hotBytesMax = 4096;
const client = { host: '198.51.100.7', port: 40_000 };

/** A question that was asked, and what has come of it so far. */
export interface Asked {
  readonly question: AskedQuestion;
  readonly askedAtMs: number;
  readonly result:
    | { readonly kind: 'waiting' }
    | { readonly kind: 'silence'; readonly atMs: number }
    | { readonly kind: 'response'; readonly atMs: number; readonly response: Response };
}

/** A response, and the layer that it came from: `hot` is the hot path. */
export interface Response {
  readonly message: DescribedMessage;
  readonly layer: string | undefined;
}

/** Asks as a listener does: the octets go to the hot path, and what it leaves to the responder. */
export class AskingClient {
  readonly #resolver: Resolver;
  readonly #clock: VirtualClock;
  readonly #out = Buffer.alloc(hotBytesMax);
  /** What was wrong with responses, whatever a script expects of them. */
  readonly problems: string[] = [];
  #id = 0;

  constructor(resolver: Resolver, clock: VirtualClock) {
    this.#resolver = resolver;
    this.#clock = clock;
  }

  ask(question: AskedQuestion): Asked {
    const asked: { -readonly [K in keyof Asked]: Asked[K] } = {
      question,
      askedAtMs: this.#clock.nowMs(),
      result: { kind: 'waiting' },
    };
    const id = (this.#id = (this.#id + 1) & 0xffff);
    const plain = octetsOf(question, id, false);
    const hot = this.#askHotPath(plain, question);
    if (hot !== undefined) {
      asked.result = this.#arrived(plain, question, hot, 'hot');
      return asked;
    }
    // The option that asks for the layer is one that the hot path leaves to the stages.
    const octets = octetsOf(question, id, true);
    const { transport } = question;
    const settled = this.#resolver.responder.respond(octets, { transport, client });
    const settle = (response: Buffer | undefined): void => {
      asked.result = this.#arrived(octets, question, response, undefined);
    };
    if (settled instanceof Promise) void settled.then(settle);
    else settle(settled);
    return asked;
  }

  #askHotPath(octets: Buffer, { transport }: AskedQuestion): Buffer | undefined {
    const index = transports.indexOf(transport);
    const { hotPath } = this.#resolver;
    hotPath.start();
    const length = hotPath.answer(octets, 0, octets.length, this.#out, 0, hotBytesMax, index);
    hotPath.finish();
    return length === 0 ? undefined : Buffer.from(this.#out.subarray(0, length));
  }

  #arrived(
    query: Buffer,
    question: AskedQuestion,
    wire: Buffer | undefined,
    layer: string | undefined,
  ): Asked['result'] {
    const atMs = this.#clock.nowMs();
    if (wire === undefined) return { kind: 'silence', atMs };
    const problems = problemsOf(query, question, wire);
    this.problems.push(...problems);
    if (problems.length > 0) return { kind: 'silence', atMs };
    const message = describeMessage(wire);
    return { kind: 'response', atMs, response: { message, layer: layer ?? message.layer } };
  }
}

function octetsOf(question: AskedQuestion, id: number, asksLayer: boolean): Buffer {
  const { name, type, ednsSize, dnssecOk } = question;
  const options = asksLayer ? [{ code: layerOptionCode }] : [];
  return encodeQuery({
    ...question,
    id,
    name,
    type: recordTypeNumber(type) ?? 0,
    ...(ednsSize === undefined ? {} : { edns: { size: ednsSize, dnssecOk, options } }),
  });
}

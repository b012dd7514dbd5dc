import { formatAddressOctets } from '../base/address-text.ts';
import { MalformedMessage } from '../base/errors.ts';
import { parseServer } from '../base/server-address.ts';
import type { ServerAddress } from '../base/server-address.ts';
import { byteAt } from '../base/bytes.ts';
import type { Answer } from '../dns/answer.ts';
import { recordType } from '../dns/codes.ts';
import { flagTruncated } from '../dns/message.ts';
import { lowerName, parseName } from '../dns/name.ts';
import type { Question } from '../dns/question.ts';
import { readRecords } from '../dns/records.ts';
import { sanitizeResponse } from '../dns/sanitize.ts';
import { CheckedExchange } from './checked-exchange.ts';
import type { UpstreamContext } from './context.ts';
import { systemLookup } from './host-addresses.ts';
import type { FoundAddresses } from './host-addresses.ts';
import { unknownTryTimeoutMs } from './round-trip.ts';

/** In place of an address: the lookup of the system, hosts file included. */
const systemWord = 'system';
const nothing: FoundAddresses = { addresses: [], ttlSeconds: undefined };

/**
 * Finds the addresses of upstreams given by name: asks the bootstrap servers one after the other,
 * directly, never through the stages, so that no question about an upstream waits for an upstream.
 */
export class Bootstrap {
  readonly #context: UpstreamContext;
  /** Ends each wait that there is. */
  readonly #waits = new Set<() => void>();

  constructor(context: UpstreamContext) {
    this.#context = context;
  }

  /**
   * The addresses of a host; none where nobody knew any.
   * @param hints servers to ask where none are configured
   */
  async find(name: string, hints: readonly string[]): Promise<FoundAddresses> {
    const { bootstrap } = this.#context.options;
    for (const text of bootstrap.length > 0 ? bootstrap : hints) {
      const found =
        text === systemWord
          ? await systemLookup(name).catch(() => nothing)
          : await this.#askBoth(name, text);
      if (found.addresses.length > 0) return found;
    }
    return nothing;
  }

  stop(): void {
    for (const end of this.#waits) end();
  }

  async #askBoth(host: string, text: string): Promise<FoundAddresses> {
    const name = lowerName(parseName(host));
    const server = parseServer(text);
    const answers = await Promise.all(
      [recordType.A, recordType.AAAA].map((type) => this.#ask(server, { name, type })),
    );
    const known = answers.filter(isPositive);
    return {
      addresses: known.flatMap(addressesIn),
      ttlSeconds: Math.min(...known.map(({ ttlSeconds }) => ttlSeconds)),
    };
  }

  /** Once by its own transport, then by TCP, which tells whatever kept the first one from it. */
  async #ask(server: ServerAddress, question: Question): Promise<Answer | undefined> {
    const { failureTimeoutMs } = this.#context.options.health;
    return (
      (await this.#askOnce(server, question, unknownTryTimeoutMs)) ??
      (await this.#askOnce({ ...server, transport: 'tcp' }, question, failureTimeoutMs))
    );
  }

  #askOnce(
    address: ServerAddress,
    question: Question,
    timeoutMs: number,
  ): Promise<Answer | undefined> {
    const { clock, options } = this.#context;
    return new Promise((resolve) => {
      const end = (answer?: Answer): void => {
        this.#waits.delete(end);
        timer.cancel();
        exchange.close();
        resolve(answer);
      };
      const shape = {
        question,
        flags: { dnssecOk: false, checkingDisabled: false },
        authenticData: false,
        ednsBytes: options.ednsBytes,
      };
      const mixCase = address.transport === 'udp' && options.caseRandomization;
      const exchange = new CheckedExchange(
        this.#context,
        { address, shape, mixCase },
        { response: (message) => end(this.#read(message, question)), failed: () => end() },
      );
      const timer = clock.setTimer(timeoutMs, end);
      this.#waits.add(end);
    });
  }

  #read(message: Buffer, question: Question): Answer | undefined {
    if ((byteAt(message, 2) & flagTruncated) !== 0) return undefined;
    const { ttl } = this.#context.options;
    try {
      const rules = { dnssecOk: false, trustAuthenticData: false, ttl };
      const read = sanitizeResponse(message, question, rules);
      return read.kind === 'answer' ? read.answer : undefined;
    } catch (error) {
      if (error instanceof MalformedMessage) return undefined;
      throw error;
    }
  }
}

function isPositive(answer: Answer | undefined): answer is Answer {
  return answer?.kind === 'positive';
}

function addressesIn({ wire }: Answer): string[] {
  const records = readRecords(wire)?.answer ?? [];
  return records.flatMap(({ type, rdataOffset, rdataLength }) => {
    if (type === recordType.A && rdataLength === 4) {
      return [formatAddressOctets(wire, rdataOffset, 4)];
    }
    if (type === recordType.AAAA && rdataLength === 16) {
      return [formatAddressOctets(wire, rdataOffset, 16)];
    }
    return [];
  });
}

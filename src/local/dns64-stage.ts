import { assert } from '../base/assert.ts';
import { uint16At } from '../base/bytes.ts';
import { isPrivateAddress } from '../base/private-addresses.ts';
import type { Answer } from '../dns/answer.ts';
import { extendedErrorCode, recordType } from '../dns/codes.ts';
import { putCounts, questionEnd } from '../dns/message.ts';
import { MessageWriter } from '../dns/message-writer.ts';
import { encodeKey } from '../dns/question.ts';
import type { Question } from '../dns/question.ts';
import { readRdata } from '../dns/rdata.ts';
import { readRecords } from '../dns/records.ts';
import type { ReceivedRecord } from '../dns/records.ts';
import { soaMinimum } from '../dns/soa.ts';
import { aliasOutcome } from '../query/local-data.ts';
import type { Outcome } from '../query/outcome.ts';
import { ownQuery } from '../query/own-query.ts';
import type { Query } from '../query/query.ts';
import type { Next, Stage } from '../query/stage.ts';
import { Dns64Prefix } from './dns64-prefix.ts';
import type { Network } from '../base/network.ts';

export interface Dns64Options {
  readonly enabled: boolean;
  /** Of 32, 40, 48, 56, 64 or 96 bits (RFC 6052 section 2.2). */
  readonly prefix: Network;
}

/** Where the negative answer has no SOA record (RFC 6147 section 5.1.7). */
const ttlSecondsWithoutSoa = 600;

/**
 * DNS64 (RFC 6147): where a name has no IPv6 address, those that a NAT64 has for its IPv4
 * addresses. Not for clients that set CD and DO, which validate for themselves (section 5.5).
 */
export class Dns64Stage implements Stage {
  readonly name = 'dns64';
  #isEnabled: boolean;
  #prefix: Dns64Prefix;

  constructor({ enabled, prefix }: Dns64Options) {
    this.#isEnabled = enabled;
    this.#prefix = new Dns64Prefix(prefix);
  }

  setOptions({ enabled, prefix }: Dns64Options): void {
    this.#isEnabled = enabled;
    this.#prefix = new Dns64Prefix(prefix);
  }

  async handle(query: Query, next: Next): Promise<Outcome> {
    const { question, flags, purpose } = query;
    if (!this.#isEnabled || purpose !== 'client') return next(query);
    if (flags.dnssecOk && flags.checkingDisabled) return next(query);
    if (question.type === recordType.PTR) return this.#reverse(query, next);
    const outcome = await next(query);
    if (question.type !== recordType.AAAA || !isWithoutIPv6(outcome)) return outcome;
    const key = encodeKey({ name: question.name, type: recordType.A }, flags);
    const { client, transport, receivedAtMs } = query;
    const four = await next({ ...ownQuery(key, 'client', receivedAtMs), client, transport });
    return (
      (four.kind === 'answer' ? this.#synthesize(question, outcome, four) : undefined) ?? outcome
    );
  }

  /** See `StageMarks` in the cache's room. */
  needsStages(name: Buffer, { kind, wire }: Answer): boolean {
    if (!this.#isEnabled) return false;
    const type = uint16At(wire, questionEnd(wire, wire.length) - 4);
    if (type === recordType.PTR) return this.#prefix.fromReverse(name) !== undefined;
    return type === recordType.AAAA && (kind === 'nodata' || !hasIPv6(wire));
  }

  /** An address of the prefix is called what its IPv4 address is called (section 5.3.1). */
  #reverse(query: Query, next: Next): Promise<Outcome> {
    const target = this.#prefix.fromReverse(query.question.name);
    if (target === undefined) return next(query);
    const origin = { layer: 'local', detail: 'dns64', extendedErrors: [] } as const;
    return aliasOutcome(query, target, { ...origin, ttlSeconds: ttlSecondsWithoutSoa }, next);
  }

  /** The same chain of aliases, each A record as AAAA (section 5.1.7); nothing without any. */
  #synthesize(
    question: Question,
    six: Outcome,
    four: Outcome & { readonly kind: 'answer' },
  ): Outcome | undefined {
    const { wire } = four.answer;
    const records = readRecords(wire)?.answer ?? [];
    const ttlSecondsMax = six.kind === 'answer' ? negativeTtlSeconds(six) : ttlSecondsWithoutSoa;
    const writer = new MessageWriter(question);
    let addresses = 0;
    let aliases = 0;
    for (const record of records) {
      const ttlSeconds = Math.min(record.ttlSeconds, ttlSecondsMax + four.ageSeconds);
      const { owner } = record;
      if (record.type === recordType.CNAME) {
        const rdata = readRdata(wire, record);
        assert(rdata !== undefined, 'a kept record can be read');
        writer.record({ owner, type: record.type, ttlSeconds, rdata });
        aliases++;
      }
      const octets = record.type === recordType.A ? this.#embedded(wire, record) : undefined;
      if (octets === undefined) continue;
      writer.record({ owner, type: recordType.AAAA, ttlSeconds, rdata: [{ octets }] });
      addresses++;
    }
    if (addresses === 0) return undefined;
    const made = writer.finish();
    made[2] = wire[2] ?? 0;
    made[3] = wire[3] ?? 0;
    putCounts(made, addresses + aliases, 0, 0);
    const answer: Answer = { ...four.answer, wire: made, authenticData: false };
    const synthesized = { code: extendedErrorCode.SYNTHESIZED, text: 'dns64' };
    return { ...four, answer, extendedErrors: [...four.extendedErrors, synthesized] };
  }

  /** The well-known prefix is for global addresses alone (RFC 6052 section 3.1). */
  #embedded(wire: Buffer, { rdataOffset, rdataLength }: ReceivedRecord): Buffer | undefined {
    const four = wire.subarray(rdataOffset, rdataOffset + 4);
    if (rdataLength !== 4) return undefined;
    if (this.#prefix.isWellKnown && isPrivateAddress(four, 0, 4)) return undefined;
    return this.#prefix.embed(four);
  }
}

/**
 * NODATA, an answer with nothing but IPv4-mapped addresses (section 5.1.4), or a failure other than
 * NXDOMAIN (section 5.1.2).
 */
function isWithoutIPv6(outcome: Outcome): boolean {
  if (outcome.kind === 'drop') return false;
  if (outcome.kind === 'failure') return true;
  const { kind, wire } = outcome.answer;
  return kind === 'nodata' || (kind === 'positive' && !hasIPv6(wire));
}

/** Whether any AAAA record is no IPv4-mapped address. */
function hasIPv6(wire: Buffer): boolean {
  const mapped = Buffer.from('00000000000000000000ffff', 'hex');
  return (readRecords(wire)?.answer ?? []).some(
    ({ type, rdataOffset }) =>
      type === recordType.AAAA && !wire.subarray(rdataOffset, rdataOffset + 12).equals(mapped),
  );
}

function negativeTtlSeconds({ answer: { wire } }: Outcome & { readonly kind: 'answer' }): number {
  const [soa] = (readRecords(wire)?.authority ?? []).filter(({ type }) => type === recordType.SOA);
  return (soa && soaMinimum(wire, soa)) ?? ttlSecondsWithoutSoa;
}

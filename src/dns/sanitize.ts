import { byteAt } from '../base/bytes.ts';
import { MalformedMessage } from '../base/errors.ts';
import { coveredType, followChain } from './answer-chain.ts';
import type { AnswerChain } from './answer-chain.ts';
import type { Answer, AnswerKind } from './answer.ts';
import { clientSubnetOption, readClientSubnet } from './client-subnet.ts';
import type { ClientSubnet } from './client-subnet.ts';
import { classIn, extendedErrorCode, recordType, responseCode } from './codes.ts';
import { extendedErrorsOf, readEdns } from './edns.ts';
import type { Edns, ExtendedError } from './edns.ts';
import { MessageWriter } from './message-writer.ts';
import {
  flagAuthenticData,
  flagAuthoritative,
  flagRecursionAvailable,
  flagResponse,
  headerResponseCode,
  putCounts,
} from './message.ts';
import { isAtOrBelow, lowerName } from './name.ts';
import type { Question } from './question.ts';
import { readRdata } from './rdata.ts';
import { readRecords } from './records.ts';
import type { ReceivedRecord, ReceivedRecords } from './records.ts';
import { soaMinimum } from './soa.ts';

/** Limits for what is kept of a response, all in seconds. */
export interface TtlLimits {
  readonly ttlMinSeconds: number;
  readonly ttlMaxSeconds: number;
  readonly negativeTtlMaxSeconds: number;
}

/** What the question asked for beside its name and type. */
export interface SanitizeOptions {
  readonly dnssecOk: boolean;
  readonly trustAuthenticData: boolean;
  readonly ttl: TtlLimits;
  /** On whose behalf; a response for another one was refused already. */
  readonly clientSubnet?: ClientSubnet | undefined;
}

/** A response that was read. Only `answer` may be kept; the rest tells how to go on. */
export type Sanitized =
  | { readonly kind: 'answer'; readonly answer: Answer; readonly recordsRemoved: number }
  | {
      readonly kind: 'failure';
      /**
       * The response code, with the bits of its OPT record; SERVFAIL for a referral, and for
       * aliases that lead nowhere: that is the fault of a domain, not of the upstream.
       */
      readonly code: number;
      readonly extendedErrors: readonly ExtendedError[];
      /** Whether the response had an OPT record: without one the upstream may not know EDNS. */
      readonly edns: boolean;
      readonly referral: boolean;
    };

const endlessChain = {
  code: responseCode.SERVFAIL,
  extendedErrors: [
    { code: extendedErrorCode.INVALID_DATA, text: 'a chain of aliases without end' },
  ],
};

/** A record chosen to be kept, with the TTL it will have. */
interface Kept {
  readonly record: ReceivedRecord;
  ttlSeconds: number;
}

/**
 * Reads the response to `question`: its id, source and question are checked already.
 * Follows the alias chain, drops what does not belong to it, gives each RRset one TTL
 * (RFC 2181 section 5.2), applies the limits, and finds how long the whole may live.
 * @throws {MalformedMessage} when any part of it cannot be read
 */
export function sanitizeResponse(
  message: Buffer,
  question: Question,
  options: SanitizeOptions,
): Sanitized {
  const records = readRecords(message);
  if (records === undefined) throw new MalformedMessage('a response has a malformed record');
  const edns = ednsOf(message, records);
  const code = headerResponseCode(message) | ((edns?.extendedCode ?? 0) << 4);
  const extendedErrors = edns === undefined ? [] : extendedErrorsOf(edns.options);
  const failure = { kind: 'failure', code, extendedErrors, edns: edns !== undefined } as const;
  if (code !== responseCode.NOERROR && code !== responseCode.NXDOMAIN) {
    return { ...failure, referral: false };
  }
  const chain = followChain(message, records.answer, question);
  if (chain === undefined) return { ...failure, ...endlessChain, referral: false };
  const kind = kindOf(code, chain);
  if (kind !== 'positive' && isReferral(message, records, chain)) {
    return { ...failure, code: responseCode.SERVFAIL, referral: true };
  }
  const scope = scopeOf(edns, options);
  return assemble(message, { question, records, chain, kind, extendedErrors, scope, options });
}

/** What is said of no subnet is for everybody (RFC 7871 section 7.3). */
function scopeOf(
  edns: Edns | undefined,
  { clientSubnet }: SanitizeOptions,
): Pick<Answer, 'scopeBits'> {
  if (clientSubnet === undefined) return {};
  const option = clientSubnetOption(edns?.options ?? []);
  const told = option === undefined ? undefined : readClientSubnet(option.data);
  return { scopeBits: told?.scopeBits ?? 0 };
}

function ednsOf(message: Buffer, records: ReceivedRecords): Edns | undefined {
  const opts = records.additional.filter(({ type }) => type === recordType.OPT);
  const [opt] = opts;
  if (opt === undefined) return undefined;
  const edns = opts.length === 1 ? readEdns(message, opt.typeOffset) : undefined;
  if (edns === undefined) throw new MalformedMessage('a response has a malformed OPT record');
  return edns;
}

function kindOf(code: number, chain: AnswerChain): AnswerKind {
  if (chain.answered) return 'positive';
  return code === responseCode.NXDOMAIN ? 'nxdomain' : 'nodata';
}

/**
 * Name servers instead of an answer, from a server that does not recurse (RFC 2308 section 2.1.1):
 * an upstream that answers so is no use to a forwarder.
 */
function isReferral(message: Buffer, records: ReceivedRecords, chain: AnswerChain): boolean {
  const recurses = (byteAt(message, 3) & flagRecursionAvailable) !== 0;
  const authoritative = (byteAt(message, 2) & flagAuthoritative) !== 0;
  if (recurses || authoritative || chain.records.length > 0) return false;
  const types = records.authority.map(({ type }) => type);
  return types.includes(recordType.NS) && !types.includes(recordType.SOA);
}

interface Parts {
  readonly question: Question;
  readonly records: ReceivedRecords;
  readonly chain: AnswerChain;
  readonly kind: AnswerKind;
  readonly extendedErrors: readonly ExtendedError[];
  readonly scope: Pick<Answer, 'scopeBits'>;
  readonly options: SanitizeOptions;
}

function assemble(message: Buffer, parts: Parts): Sanitized {
  const { chain, kind, options, records } = parts;
  const answer = chain.records
    .filter((record) => belongsInAnswer(record, parts))
    .map((record) => ({ record, ttlSeconds: record.ttlSeconds }));
  const authority = records.authority
    .filter((record) => belongsInAuthority(message, record, parts))
    .map((record) => ({ record, ttlSeconds: record.ttlSeconds }));
  if (kind !== 'positive') limitSoa(message, authority);
  levelRrsets(message, answer);
  levelRrsets(message, authority);
  const { ttlMinSeconds, ttlMaxSeconds, negativeTtlMaxSeconds } = options.ttl;
  const limitSeconds =
    kind === 'positive' ? ttlMaxSeconds : Math.min(ttlMaxSeconds, negativeTtlMaxSeconds);
  for (const kept of [...answer, ...authority]) {
    const raised = kept.ttlSeconds === 0 ? 0 : Math.max(kept.ttlSeconds, ttlMinSeconds);
    kept.ttlSeconds = Math.min(raised, limitSeconds);
  }
  const kept = answer.length + authority.length;
  const received = records.answer.length + records.authority.length;
  return {
    kind: 'answer',
    recordsRemoved: received - kept,
    answer: {
      kind,
      wire: write(message, parts, answer, authority),
      ttlSeconds: lifetimeSeconds(kind, answer, authority),
      authenticData: options.trustAuthenticData && (byteAt(message, 3) & flagAuthenticData) !== 0,
      extendedErrors: parts.extendedErrors,
      ...parts.scope,
    },
  };
}

/** Signatures are for those who asked for them: with DO, or by type (RFC 4035 section 3.2.1). */
function belongsInAnswer({ type }: ReceivedRecord, { question, options }: Parts): boolean {
  if (type !== recordType.RRSIG || options.dnssecOk) return true;
  return question.type === recordType.RRSIG || question.type === recordType.ANY;
}

/**
 * The authority section keeps the SOA of a negative answer, and the proofs of absence where the
 * client wants DNSSEC; the owner must be the name looked up or above it. A name of NSEC or NSEC3
 * lies in the zone, beside that name, so there the zone is compared: the parent of the owner.
 */
function belongsInAuthority(message: Buffer, record: ReceivedRecord, parts: Parts): boolean {
  if (record.class !== classIn) return false;
  const covered = coveredType(message, record);
  const isSignature = record.type === recordType.RRSIG;
  if (isSignature && !parts.options.dnssecOk) return false;
  const above = (zone: Buffer): boolean =>
    parts.chain.names.some((name) => isAtOrBelow(name, zone));
  if (covered === recordType.SOA) return parts.kind !== 'positive' && above(record.owner);
  if (covered !== recordType.NSEC && covered !== recordType.NSEC3) return false;
  return parts.options.dnssecOk && sharesZone(record.owner, parts);
}

/** Whether a denial record can be of a zone that holds one of the names: some SOA or signer is above both. */
function sharesZone(owner: Buffer, parts: Parts): boolean {
  const zones = parts.records.authority
    .filter(({ type }) => type === recordType.SOA || type === recordType.NS)
    .map((record) => record.owner);
  const nearest = zones.length > 0 ? zones : [owner.subarray(byteAt(owner, 0) + 1)];
  const isRoot = byteAt(owner, 0) === 0;
  return nearest.some(
    (zone) =>
      (isRoot || isAtOrBelow(owner, zone)) &&
      parts.chain.names.some((name) => isRoot || isAtOrBelow(name, zone)),
  );
}

/** A negative answer lives min(TTL of its SOA, MINIMUM of its SOA) (RFC 2308 section 5). */
function limitSoa(message: Buffer, authority: readonly Kept[]): void {
  for (const kept of authority) {
    if (kept.record.type !== recordType.SOA) continue;
    const minimum = soaMinimum(message, kept.record);
    if (minimum === undefined) throw new MalformedMessage('a response has a malformed SOA record');
    kept.ttlSeconds = Math.min(kept.ttlSeconds, minimum);
  }
}

/** Gives all records of an RRset its lowest TTL (RFC 2181 section 5.2). */
function levelRrsets(message: Buffer, section: readonly Kept[]): void {
  if (section.length < 2) return;
  const lowest = new Map<string, number>();
  const keys = section.map(({ record }) => rrsetKey(message, record));
  section.forEach(({ ttlSeconds }, index) => {
    const key = keys[index] ?? '';
    lowest.set(key, Math.min(ttlSeconds, lowest.get(key) ?? ttlSeconds));
  });
  section.forEach((kept, index) => {
    kept.ttlSeconds = lowest.get(keys[index] ?? '') ?? kept.ttlSeconds;
  });
}

function rrsetKey(message: Buffer, record: ReceivedRecord): string {
  const type = record.type === recordType.RRSIG ? -coveredType(message, record) : record.type;
  return `${String(type)} ${lowerName(record.owner).toString('latin1')}`;
}

/** The lowest TTL; 0, hence not kept, for a negative answer without SOA (RFC 2308 section 5). */
function lifetimeSeconds(
  kind: AnswerKind,
  answer: readonly Kept[],
  authority: readonly Kept[],
): number {
  const hasSoa = authority.some(({ record }) => record.type === recordType.SOA);
  if (kind !== 'positive' && !hasSoa) return 0;
  return Math.min(...[...answer, ...authority].map(({ ttlSeconds }) => ttlSeconds));
}

function write(
  message: Buffer,
  parts: Parts,
  answer: readonly Kept[],
  authority: readonly Kept[],
): Buffer {
  const writer = new MessageWriter(parts.question);
  for (const { record, ttlSeconds } of [...answer, ...authority]) {
    const rdata = readRdata(message, record);
    if (rdata === undefined) throw new MalformedMessage('a response has malformed record data');
    writer.record({ owner: record.owner, type: record.type, ttlSeconds, rdata });
  }
  const wire = writer.finish();
  wire[2] = flagResponse;
  wire[3] = flagRecursionAvailable | (parts.kind === 'nxdomain' ? responseCode.NXDOMAIN : 0);
  putCounts(wire, answer.length, authority.length, 0);
  return wire;
}

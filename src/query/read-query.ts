import { byteAt, uint16At } from '../base/bytes.ts';
import { classIn, ednsOption, extendedErrorCode, recordType, responseCode } from '../dns/codes.ts';
import { clientSubnetOption, isClientSubnetValid } from '../dns/client-subnet.ts';
import { optFixedLength, readEdns } from '../dns/edns.ts';
import type { Edns, ExtendedError } from '../dns/edns.ts';
import {
  flagAuthenticData,
  flagCheckingDisabled,
  flagRecursionDesired,
  flagResponse,
  headerLength,
  opcodeMask,
} from '../dns/message.ts';
import { encodeKey, keyText, readQuestion } from '../dns/question.ts';
import type { QuestionRead } from '../dns/question.ts';
import { readRecords } from '../dns/records.ts';
import type { ReceivedRecords } from '../dns/records.ts';
import { isCookieLength } from '../dns/server-cookie.ts';
import type { Arrival, Query } from './query.ts';

/** The types that a question may not ask of a resolver: `NXNAME` by RFC 9824 section 3.5, `OPT` by RFC 6891. */
const malformedTypes = new Set<number>([0, recordType.OPT, recordType.NXNAME]);

/** What is to be answered at once; the octets have at least a header. */
export interface Rejection {
  readonly kind: 'reject';
  readonly code: number;
  readonly reason: RejectReason;
  readonly edns: Edns | undefined;
  readonly extendedErrors: readonly ExtendedError[];
}

/** What the octets of a query came to. */
export type ReadQuery =
  | { readonly kind: 'query'; readonly query: Query }
  | Rejection
  /** Not to be answered at all. */
  | { readonly kind: 'drop'; readonly reason: DropReason };

/** Label values of `heimdall_queries_rejected_total`. */
export type RejectReason =
  | 'malformed'
  | 'opcode'
  | 'question_count'
  | 'type'
  | 'class'
  | 'edns_malformed'
  | 'edns_version'
  | 'client_subnet'
  | 'cookie'
  | 'cookie_only';
/** Label values of `heimdall_queries_dropped_total`. */
export type DropReason = 'runt' | 'response';

/** What the client may read of the reason (RFC 8914 section 4.22, RFC 9824 section 3.5). */
const explanations: Partial<Record<RejectReason, ExtendedError>> = {
  opcode: { code: extendedErrorCode.NOT_SUPPORTED, text: 'only queries are served' },
  class: { code: extendedErrorCode.NOT_SUPPORTED, text: 'only class IN is served' },
  type: { code: extendedErrorCode.INVALID_QUERY_TYPE, text: '' },
};

type OptRead = { readonly kind: 'edns'; readonly edns: Edns | undefined } | Rejection;

function reject(code: number, reason: RejectReason, edns?: Edns): Rejection {
  const explanation = explanations[reason];
  const extendedErrors = explanation === undefined ? [] : [explanation];
  return { kind: 'reject', code, reason, edns, extendedErrors };
}

/**
 * Reads a query. Silence for what is no query (a runt, a response: answering those could loop
 * between two servers), NOTIMP for another opcode, FORMERR for what cannot be read
 * (RFC 1035 section 4.1.1, RFC 9619), BADVERS for an EDNS version above 0 (RFC 6891 section 6.1.3).
 */
export function readQuery(wire: Buffer, arrival: Arrival): ReadQuery {
  if (wire.length < headerLength) return { kind: 'drop', reason: 'runt' };
  const upper = byteAt(wire, 2);
  if ((upper & flagResponse) !== 0) return { kind: 'drop', reason: 'response' };
  if ((upper & opcodeMask) !== 0) {
    return reject(responseCode.NOTIMP, 'opcode', ednsIfReadable(wire));
  }
  if (uint16At(wire, 4) !== 1) return readWithoutQuestion(wire);
  const read = readQuestion(wire, headerLength);
  if (read === undefined) return reject(responseCode.FORMERR, 'malformed');
  const records = readRecords(wire);
  if (records === undefined) return reject(responseCode.FORMERR, 'malformed');
  const opt = readOpt(wire, records);
  if (opt.kind === 'reject') return opt;
  return accept(wire, read, opt.edns, arrival);
}

/** EDNS as far as the query has it: one OPT record at most, at the root, in the right section. */
function readOpt(wire: Buffer, records: ReceivedRecords): OptRead {
  const opts = [...records.answer, ...records.authority, ...records.additional].filter(
    ({ type }) => type === recordType.OPT,
  );
  const [opt] = opts;
  if (opt === undefined) return { kind: 'edns', edns: undefined };
  if (opts.length > 1 || !records.additional.includes(opt) || opt.owner.length !== 1) {
    return reject(responseCode.FORMERR, 'edns_malformed');
  }
  const edns = readEdns(wire, opt.typeOffset);
  if (edns === undefined) return reject(responseCode.FORMERR, 'edns_malformed');
  if (edns.version > 0) return reject(responseCode.BADVERS, 'edns_version', edns);
  const subnet = clientSubnetOption(edns.options);
  if (subnet !== undefined && !isClientSubnetValid(subnet.data)) {
    return reject(responseCode.FORMERR, 'client_subnet', edns);
  }
  const cookie = edns.options.find(({ code }) => code === ednsOption.COOKIE);
  if (cookie !== undefined && !isCookieLength(cookie.data.length)) {
    return reject(responseCode.FORMERR, 'cookie', edns);
  }
  return { kind: 'edns', edns };
}

/** A message without a question is malformed, unless it fetches a cookie (RFC 7873 section 5.4). */
function readWithoutQuestion(wire: Buffer): Rejection {
  const optEnd = headerLength + optFixedLength;
  const isLoneOpt =
    wire.length >= optEnd &&
    wire.readBigUInt64BE(4) === 1n && // no record but one in the additional section
    byteAt(wire, headerLength) === 0 &&
    uint16At(wire, headerLength + 1) === recordType.OPT &&
    optEnd + uint16At(wire, optEnd - 2) === wire.length;
  const edns = isLoneOpt ? readEdns(wire, headerLength + 1) : undefined;
  const cookie = edns?.options.find(({ code }) => code === ednsOption.COOKIE);
  return cookie !== undefined && isCookieLength(cookie.data.length)
    ? reject(responseCode.NOERROR, 'cookie_only', edns)
    : reject(responseCode.FORMERR, 'question_count');
}

function accept(
  wire: Buffer,
  { question, end }: QuestionRead,
  edns: Edns | undefined,
  arrival: Arrival,
): ReadQuery {
  if (uint16At(wire, end - 2) !== classIn) {
    return reject(responseCode.REFUSED, 'class', edns);
  }
  if (malformedTypes.has(question.type)) return reject(responseCode.FORMERR, 'type', edns);
  const dnssecOk = edns?.dnssecOk ?? false;
  const flags = { dnssecOk, checkingDisabled: (byteAt(wire, 3) & flagCheckingDisabled) !== 0 };
  const key = encodeKey(question, flags);
  const query: Query = {
    wire,
    asked: wire.subarray(headerLength, end),
    question,
    flags,
    key,
    keyText: keyText(key),
    recursionDesired: (byteAt(wire, 2) & flagRecursionDesired) !== 0,
    wantsAuthenticData: dnssecOk || (byteAt(wire, 3) & flagAuthenticData) !== 0,
    edns,
    ...arrival,
    purpose: 'client',
  };
  return { kind: 'query', query };
}

/** The OPT record of a message that is refused for another reason, where it can be read. */
function ednsIfReadable(wire: Buffer): Edns | undefined {
  const opt = readRecords(wire)?.additional.find(({ type }) => type === recordType.OPT);
  return opt === undefined ? undefined : readEdns(wire, opt.typeOffset);
}

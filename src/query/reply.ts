import { byteAt, uint16At } from '../base/bytes.ts';
import type { Answer } from '../dns/answer.ts';
import type { SocketAddress } from '../base/address.ts';
import { clientSubnetOption, withScope } from '../dns/client-subnet.ts';
import { ednsOption, responseCode } from '../dns/codes.ts';
import { encodeOpt, extendedErrorOption, udpSizeMin } from '../dns/edns.ts';
import type { Edns, EdnsOption } from '../dns/edns.ts';
import {
  ageTtls,
  flagAuthenticData,
  flagAuthoritative,
  flagCheckingDisabled,
  flagRecursionAvailable,
  flagRecursionDesired,
  flagResponse,
  flagTruncated,
  headerLength,
  messageLengthMax,
  putCounts,
  putHeaderResponseCode,
  setTtls,
} from '../dns/message.ts';
import { paddingFor, withPadding } from '../dns/padding.ts';
import { readQuestion } from '../dns/question.ts';
import type { Outcome } from './outcome.ts';
import type { Query } from './query.ts';
import type { Rejection } from './read-query.ts';

/** What bounds and shapes every response. */
export interface ReplyLimits {
  /** Largest UDP response in octets, and the size that Heimdall announces in its own OPT record. */
  readonly udpResponseBytesMax: number;
  /** Idle time announced to TCP clients that ask for it (RFC 7828), in milliseconds. */
  readonly tcpIdleTimeoutMs: number;
  /** Where clients that send a cookie get one. */
  readonly cookies?: ReplyCookies | undefined;
}

/** Port to the cookies of this server. */
export interface ReplyCookies {
  /** What goes back to who sent the option COOKIE; undefined for all others. */
  optionFor(edns: Edns | undefined, client: SocketAddress): EdnsOption | undefined;
}

/** The largest response that this client can take, in octets. */
export function responseBytesMax(query: Query, limits: ReplyLimits): number {
  if (query.transport !== 'udp') return messageLengthMax;
  const clientSize = query.edns?.udpSize ?? udpSizeMin;
  return Math.min(clientSize, limits.udpResponseBytesMax);
}

/**
 * The response to a settled query: id, question and RD as asked (RFC 1035 section 4.1.1), an OPT
 * record if and only if the query had one (RFC 6891 section 6.1.1), truncated to header, question
 * and OPT where it does not fit (RFC 6891 section 7).
 * @returns undefined for a dropped query
 */
export function encodeReply(
  query: Query,
  outcome: Outcome,
  limits: ReplyLimits,
): Buffer | undefined {
  if (outcome.kind === 'drop') return undefined;
  if (outcome.kind === 'failure' && outcome.truncated === true)
    return encodeTruncated(query, limits);
  const code = outcome.kind === 'failure' ? outcome.code : 0;
  const body = outcome.kind === 'answer' ? answerBody(query, outcome) : emptyBody(query);
  if (outcome.kind === 'failure') putHeaderResponseCode(body, code);
  copyQueryBits(body, query);
  const sizeMax = responseBytesMax(query, limits);
  const opts = query.edns === undefined ? [undefined] : optsFor(query, outcome, limits, code);
  for (const opt of opts) {
    const length = body.length + (opt?.length ?? 0);
    if (length <= sizeMax) return withOpt(body, padded(opt, length, query));
  }
  return truncate(body, query, limits, code);
}

/** A response to octets that are no query of ours: header, the question where it can be read, OPT. */
export function encodeRejection(
  wire: Buffer,
  rejection: Rejection,
  limits: ReplyLimits,
  client: SocketAddress,
): Buffer {
  const { code, edns, extendedErrors } = rejection;
  const hasOne = uint16At(wire, 4) === 1;
  const end = hasOne ? readQuestion(wire, headerLength)?.end : undefined;
  const body = Buffer.from(wire.subarray(0, end ?? headerLength));
  body[2] = flagResponse | (byteAt(wire, 2) & ~flagTruncated & ~flagAuthoritative);
  body[3] = flagRecursionAvailable | (byteAt(wire, 3) & flagCheckingDisabled);
  body.writeUInt16BE(end === undefined ? 0 : 1, 4);
  putCounts(body, 0, 0, 0);
  putHeaderResponseCode(body, code);
  const options = [
    ...extendedErrors.map(extendedErrorOption),
    ...cookieOptions(edns, client, limits),
  ];
  return withOpt(body, edns === undefined ? undefined : plainOpt(edns, limits, code, options));
}

/** A response that only hands out a cookie, to come back with (RFC 7873 section 5.2.3). */
export function encodeBadCookie(query: Query, limits: ReplyLimits): Buffer {
  const body = emptyBody(query);
  putHeaderResponseCode(body, responseCode.BADCOOKIE);
  copyQueryBits(body, query);
  const options = cookieOptions(query.edns, query.client, limits);
  return withOpt(body, plainOpt(query.edns, limits, responseCode.BADCOOKIE, options));
}

/** A response that only says "ask by TCP": TC set, no record (RFC 2181 section 9). */
export function encodeTruncated(query: Query, limits: ReplyLimits): Buffer {
  const body = emptyBody(query);
  copyQueryBits(body, query);
  return truncate(body, query, limits, 0);
}

function answerBody(query: Query, outcome: Outcome & { kind: 'answer' }): Buffer {
  const { answer, ageSeconds, staleTtlSeconds } = outcome;
  const body = Buffer.from(answer.wire);
  if (staleTtlSeconds !== undefined) setTtls(body, staleTtlSeconds);
  else if (ageSeconds > 0) ageTtls(body, 0, body.length, ageSeconds);
  query.asked.copy(body, headerLength);
  if (outcome.authoritative === true) body[2] = byteAt(body, 2) | flagAuthoritative;
  if (showsAuthenticData(answer, query)) body[3] = byteAt(body, 3) | flagAuthenticData;
  return body;
}

function showsAuthenticData(answer: Answer, query: Query): boolean {
  return answer.authenticData && query.wantsAuthenticData;
}

function emptyBody(query: Query): Buffer {
  const body = Buffer.alloc(headerLength + query.asked.length);
  body[2] = flagResponse;
  body[3] = flagRecursionAvailable;
  body[5] = 1;
  query.asked.copy(body, headerLength);
  return body;
}

function copyQueryBits(body: Buffer, query: Query): void {
  body[0] = byteAt(query.wire, 0);
  body[1] = byteAt(query.wire, 1);
  body[2] = byteAt(body, 2) | (byteAt(query.wire, 2) & flagRecursionDesired);
  body[3] = byteAt(body, 3) | (byteAt(query.wire, 3) & flagCheckingDisabled);
}

/**
 * The OPT records that will do, the fullest first: an extended error is an extra, for which nothing
 * is truncated; its text goes first, then the error itself (RFC 8914 section 3).
 */
function* optsFor(
  query: Query,
  outcome: Exclude<Outcome, { kind: 'drop' }>,
  limits: ReplyLimits,
  code: number,
): Generator<Buffer> {
  const { extendedErrors } = outcome;
  const asked = askedOptions(query, outcome, limits);
  const bare = extendedErrors.map((error) => ({ code: error.code, text: '' }));
  for (const errors of [extendedErrors, bare, []]) {
    const options = [...errors.map(extendedErrorOption), ...asked];
    yield plainOpt(query.edns, limits, code, options);
  }
}

/** What the client asked for by options of its own, once each. */
function askedOptions(
  query: Query,
  outcome: Exclude<Outcome, { kind: 'drop' }>,
  limits: ReplyLimits,
): EdnsOption[] {
  const asked = query.edns?.options ?? [];
  const options: EdnsOption[] = [];
  const { layer, detail } = outcome;
  if (asked.some(({ code, data }) => code === ednsOption.HEIMDALL_LAYER && data.length === 0)) {
    const text = detail === undefined ? layer : `${layer} ${detail}`;
    options.push({ code: ednsOption.HEIMDALL_LAYER, data: Buffer.from(text) });
  }
  options.push(...scopeOptions(asked, outcome), ...cookieOptions(query.edns, query.client, limits));
  const wantsKeepalive = asked.some(({ code }) => code === ednsOption.TCP_KEEPALIVE);
  const isStream = query.transport === 'tcp' || query.transport === 'tls';
  if (wantsKeepalive && isStream) options.push(keepaliveOption(limits));
  return options;
}

/** For whom the answer is, to who said whom it is for (RFC 7871 section 7.2.2). */
function scopeOptions(asked: readonly EdnsOption[], outcome: Outcome): EdnsOption[] {
  const subnet = clientSubnetOption(asked);
  const scopeBits = outcome.kind === 'answer' ? outcome.answer.scopeBits : undefined;
  return subnet === undefined || scopeBits === undefined ? [] : [withScope(subnet, scopeBits)];
}

function cookieOptions(
  edns: Edns | undefined,
  client: SocketAddress,
  { cookies }: ReplyLimits,
): EdnsOption[] {
  const option = cookies?.optionFor(edns, client);
  return option === undefined ? [] : [option];
}

/** The server's idle timeout in units of 100 ms (RFC 7828 section 3.1). */
function keepaliveOption(limits: ReplyLimits): EdnsOption {
  const data = Buffer.alloc(2);
  data.writeUInt16BE(Math.min(0xffff, Math.floor(limits.tcpIdleTimeoutMs / 100)));
  return { code: ednsOption.TCP_KEEPALIVE, data };
}

function plainOpt(
  edns: Edns | undefined,
  limits: ReplyLimits,
  code: number,
  options: readonly EdnsOption[],
): Buffer {
  return encodeOpt({
    udpSize: limits.udpResponseBytesMax,
    extendedCode: code >>> 4,
    version: 0,
    dnssecOk: edns?.dnssecOk ?? false,
    options,
  });
}

/**
 * Fills a response up to a multiple of 468 octets where the client padded its query, so that its
 * length tells nobody on the way what was asked (RFC 7830, RFC 8467 section 4.1).
 */
function padded(
  opt: Buffer | undefined,
  length: number,
  { transport, edns }: Query,
): Buffer | undefined {
  const isEncrypted = transport === 'tls' || transport === 'https';
  const isAsked = edns?.options.some(({ code }) => code === ednsOption.PADDING) === true;
  if (opt === undefined || !isEncrypted || !isAsked) return opt;
  return withPadding(opt, paddingFor(length));
}

function withOpt(body: Buffer, opt: Buffer | undefined): Buffer {
  if (opt === undefined) return body;
  body[11] = 1;
  return Buffer.concat([body, opt]);
}

function truncate(body: Buffer, query: Query, limits: ReplyLimits, code: number): Buffer {
  const head = Buffer.from(body.subarray(0, headerLength + query.asked.length));
  head[2] = byteAt(head, 2) | flagTruncated;
  putCounts(head, 0, 0, 0);
  const options = cookieOptions(query.edns, query.client, limits);
  return withOpt(head, query.edns && plainOpt(query.edns, limits, code, options));
}

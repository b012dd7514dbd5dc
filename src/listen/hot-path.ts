import { assert } from '../base/assert.ts';
import { byteAt, lowerCase, putUint16, uint16At } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { classIn, ednsOption, recordType } from '../dns/codes.ts';
import { dnssecOkBit, optFixedLength, udpSizeMin } from '../dns/edns.ts';
import {
  flagAuthenticData,
  flagCheckingDisabled,
  flagRecursionDesired,
  headerLength,
} from '../dns/message.ts';
import {
  keyFlagCheckingDisabled,
  keyFlagDnssecOk,
  keyLengthMax,
  keySuffixLength,
} from '../dns/question.ts';
import { nameLengthMax } from '../dns/name.ts';
import { layerL1, transports } from '../query/query-counters.ts';
import type { QueryCounters } from '../query/query-counters.ts';

/** Port to L1: finds a fresh answer by key and copies it, without allocating. */
export interface FreshAnswers {
  /**
   * Copies the answer to `key[0, keyLength)` to `out` at `outStart`; `key` may be changed.
   * @returns its length, or 0 when the stages have to settle the query
   */
  serve(
    key: Uint8Array,
    keyLength: number,
    nowMs: number,
    out: Uint8Array,
    outStart: number,
    bytesMax: number,
  ): number;
  /** Whether the answer served last had the AD bit to show. */
  readonly lastAuthenticData: boolean;
}

/** The lowest of the types that are not data (RFC 6895 section 3.1): TKEY, TSIG, transfers, ANY. */
const metaTypesFrom = recordType.TKEY;
const metaTypesTo = recordType.ANY;
/** Index of the first transport over which padding hides something. */
const firstEncrypted = transports.indexOf('tls');
/** A header and the shortest question: the root. */
const queryLengthMin = headerLength + 5;

/**
 * Answers what L1 has from the octets of the query: no decoding, no object, no promise. Whatever
 * is unusual about a query or its answer is left to the stages, which know all the rules; here
 * are only those that a plain hit needs.
 */
export class HotPath {
  readonly #answers: FreshAnswers;
  readonly #counters: QueryCounters;
  readonly #clock: Clock;
  readonly #key = new Uint8Array(keyLengthMax);
  /** Off while every query has to pass the stages: the query log is on. */
  enabled = true;
  udpResponseBytesMax: number;
  /** Queries answered here. */
  hits = 0;
  #startedMs = 0;
  /** The same, rounded up. */
  #nowMs = 0;
  #hitsAtStart = 0;
  #isInBatch = false;

  constructor(
    answers: FreshAnswers,
    counters: QueryCounters,
    clock: Clock,
    udpResponseBytesMax: number,
  ) {
    this.#answers = answers;
    this.#counters = counters;
    this.#clock = clock;
    this.udpResponseBytesMax = udpResponseBytesMax;
  }

  /**
   * Begins a batch: reads the clock once for all queries that were received together.
   * @returns the time in whole milliseconds, rounded up so that no answer lives longer: a number
   *   with fractions would be an object at every call that it is given to
   */
  start(): number {
    this.#startedMs = this.#clock.nowMs();
    this.#nowMs = Math.ceil(this.#startedMs);
    this.#hitsAtStart = this.hits;
    this.#isInBatch = true;
    return this.#nowMs;
  }

  /** Ends a batch, whose answers are sent by now: each took as long as all of it. */
  finish(): void {
    this.#isInBatch = false;
    const hits = this.hits - this.#hitsAtStart;
    if (hits === 0) return;
    const seconds = (this.#clock.nowMs() - this.#startedMs) / 1000;
    this.#counters.observeDuration(layerL1, seconds, hits);
    this.#hitsAtStart = this.hits;
  }

  /**
   * Writes the response to the query `query[start, end)` to `out` at `outStart`; only within a
   * batch ({@link start}).
   * @param transport index of the transport in `QueryCounters`; 0 is UDP, which bounds the size
   * @param bytesMax room in `out`
   * @returns the length of the response, or 0 when the stages have to settle the query
   */
  // oxlint-disable-next-line max-params, complexity -- hot path: no object and no call per query
  answer(
    query: Uint8Array,
    start: number,
    end: number,
    out: Uint8Array,
    outStart: number,
    bytesMax: number,
    transport: number,
  ): number {
    assert(this.#isInBatch, 'answers are given within a batch, which knows the time');
    if (!this.enabled || end - start < queryLengthMin || !hasPlainHeader(query, start)) return 0;
    const nameLength = this.#readName(query, start + headerLength, end);
    if (nameLength === 0) return 0;
    const questionEnd = start + headerLength + nameLength + 4;
    if (questionEnd > end || uint16At(query, questionEnd - 2) !== classIn) return 0;
    const type = uint16At(query, questionEnd - 4);
    if (!isDataType(type)) return 0;

    const hasOpt = byteAt(query, start + 11) === 1;
    if (!hasOpt && questionEnd !== end) return 0;
    if (hasOpt && !isPlainOpt(query, questionEnd, end, transport >= firstEncrypted)) return 0;
    const dnssecOk = hasOpt && (uint16At(query, questionEnd + 7) & dnssecOkBit) !== 0;
    let sizeMax = bytesMax;
    if (transport === 0) {
      const clientSize = hasOpt
        ? Math.max(udpSizeMin, uint16At(query, questionEnd + 3))
        : udpSizeMin;
      sizeMax = Math.min(bytesMax, clientSize, this.udpResponseBytesMax);
    }
    const keyLength = this.#finishKey(nameLength, type, byteAt(query, start + 3), dnssecOk);
    const optLength = hasOpt ? optFixedLength : 0;
    const length = this.#answers.serve(
      this.#key,
      keyLength,
      this.#nowMs,
      out,
      outStart,
      sizeMax - optLength,
    );
    if (length === 0) return 0;
    this.#patch(query, start, questionEnd, out, outStart, dnssecOk);
    if (hasOpt) this.#writeOpt(out, outStart, length, dnssecOk);
    this.hits++;
    this.#counters.countQuery(transport, type);
    this.#counters.countResponse(transport, byteAt(out, outStart + 3) & 0x0f);
    return length + optLength;
  }

  /** Copies the name in lower case into the key. @returns its length, 0 when it is not plain */
  #readName(query: Uint8Array, from: number, end: number): number {
    const key = this.#key;
    const limit = Math.min(end - from, nameLengthMax);
    let at = 0;
    while (at < limit) {
      const labelLength = byteAt(query, from + at);
      key[at] = labelLength;
      if (labelLength === 0) return at + 1;
      if (labelLength > 63) return 0;
      const labelEnd = at + labelLength;
      if (labelEnd >= limit) return 0;
      while (at < labelEnd) {
        at++;
        key[at] = lowerCase(byteAt(query, from + at));
      }
      at++;
    }
    return 0;
  }

  #finishKey(nameLength: number, type: number, flags: number, dnssecOk: boolean): number {
    putUint16(this.#key, nameLength, type);
    const checkingDisabled = (flags & flagCheckingDisabled) !== 0;
    this.#key[nameLength + 2] =
      (dnssecOk ? keyFlagDnssecOk : 0) | (checkingDisabled ? keyFlagCheckingDisabled : 0);
    return nameLength + keySuffixLength;
  }

  /** Id, question in the client's case, RD, CD, and AD where it is wanted. */
  // oxlint-disable-next-line max-params -- hot path: an object for the arguments is garbage per hit
  #patch(
    query: Uint8Array,
    start: number,
    questionEnd: number,
    out: Uint8Array,
    outStart: number,
    dnssecOk: boolean,
  ): void {
    const flags = byteAt(query, start + 3);
    const wantsAuthenticData = dnssecOk || (flags & flagAuthenticData) !== 0;
    out[outStart] = byteAt(query, start);
    out[outStart + 1] = byteAt(query, start + 1);
    out[outStart + 2] = byteAt(out, outStart + 2) | flagRecursionDesired;
    out[outStart + 3] =
      byteAt(out, outStart + 3) |
      (flags & flagCheckingDisabled) |
      (wantsAuthenticData && this.#answers.lastAuthenticData ? flagAuthenticData : 0);
    const shift = outStart - start;
    for (let at = start + headerLength; at < questionEnd; at++) out[at + shift] = byteAt(query, at);
  }

  #writeOpt(out: Uint8Array, outStart: number, length: number, dnssecOk: boolean): void {
    const at = outStart + length;
    out[outStart + 11] = 1;
    out.fill(0, at, at + optFixedLength);
    out[at + 2] = recordType.OPT;
    putUint16(out, at + 3, this.udpResponseBytesMax);
    if (dnssecOk) putUint16(out, at + 7, dnssecOkBit);
  }
}

/** A query with RD, opcode QUERY, one question, and at most one record, in the additional section. */
function hasPlainHeader(query: Uint8Array, start: number): boolean {
  return (
    byteAt(query, start + 2) === flagRecursionDesired &&
    (byteAt(query, start + 3) & ~(flagAuthenticData | flagCheckingDisabled)) === 0 &&
    uint16At(query, start + 4) === 1 &&
    uint16At(query, start + 6) === 0 &&
    uint16At(query, start + 8) === 0 &&
    byteAt(query, start + 10) === 0 &&
    byteAt(query, start + 11) <= 1
  );
}

/** Whether a type may be asked for and kept under its own number; the others have rules of their own. */
function isDataType(type: number): boolean {
  if (type === 0 || type === recordType.OPT || type === recordType.NXNAME) return false;
  return type < metaTypesFrom || type > metaTypesTo;
}

/** The options that are acted upon. A cookie: 3 µs in the stages, for the few clients that send one. */
function isForStages(code: number, isEncrypted: boolean): boolean {
  return (
    code === ednsOption.COOKIE ||
    code === ednsOption.CLIENT_SUBNET ||
    code === ednsOption.TCP_KEEPALIVE ||
    code === ednsOption.HEIMDALL_LAYER ||
    (code === ednsOption.PADDING && isEncrypted)
  );
}

/** An OPT record of version 0 that fills the rest, without an option that must be looked at. */
function isPlainOpt(query: Uint8Array, from: number, end: number, isEncrypted: boolean): boolean {
  const optionsAt = from + optFixedLength;
  if (optionsAt > end || byteAt(query, from) !== 0) return false;
  if (uint16At(query, from + 1) !== recordType.OPT || byteAt(query, from + 6) !== 0) return false;
  if (optionsAt + uint16At(query, from + 9) !== end) return false;
  let at = optionsAt;
  while (at + 4 <= end) {
    if (isForStages(uint16At(query, at), isEncrypted)) return false;
    at += 4 + uint16At(query, at + 2);
  }
  return at === end;
}

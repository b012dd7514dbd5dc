import { putUint16, uint16At } from '../base/bytes.ts';
import { MalformedMessage } from '../base/errors.ts';
import {
  classIn,
  ednsOption,
  recordType,
  recordTypeName,
  responseCode,
  responseCodeName,
} from './codes.ts';
import { type Edns, type EdnsOption, encodeOpt, extendedErrorsOf, readEdns } from './edns.ts';
import { extendedErrorName } from './extended-error-names.ts';
import { headerLength, headerResponseCode } from './message.ts';
import { formatName, parseName } from './name.ts';
import { escapeOctets, formatRdata } from './presentation-rdata.ts';
import { readName, readRecords, type ReceivedRecord, type ReceivedRecords } from './records.ts';

/** A query to send. */
export interface QueryToSend {
  readonly id: number;
  /** With or without its final dot; escapes as in zone files (RFC 1035 section 5.1). */
  readonly name: string;
  readonly type: number;
  readonly dnssecOk: boolean;
  /** The UDP payload size to offer, in octets. */
  readonly udpSize: number;
  readonly options: readonly EdnsOption[];
}

/**
 * A query for recursion with one question of class IN and an OPT record.
 * @throws {MalformedName} when the name is none
 */
export function encodeQuery(query: QueryToSend): Buffer {
  const name = parseName(query.name);
  const head = Buffer.from([0, 0, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
  putUint16(head, 0, query.id);
  const kind = Buffer.allocUnsafe(4);
  putUint16(kind, 0, query.type);
  putUint16(kind, 2, classIn);
  const { udpSize, dnssecOk, options } = query;
  const opt = encodeOpt({ udpSize, extendedCode: 0, version: 0, dnssecOk, options });
  return Buffer.concat([head, name, kind, opt]);
}

/** One record as text. */
export interface DescribedRecord {
  readonly name: string;
  readonly ttlSeconds: number;
  readonly class: string;
  readonly type: string;
  readonly data: string;
}

/** An extended error with its registered name (RFC 8914). */
export interface DescribedError {
  readonly code: number;
  readonly name: string;
  readonly text: string;
}

/** A message as text; all of it is safe on a terminal. */
export interface DescribedMessage {
  readonly id: number;
  readonly responseCode: string;
  /** `qr`, `aa`, `tc`, `rd`, `ra`, `ad`, `cd`, as far as they are set. */
  readonly flags: readonly string[];
  readonly question?: { readonly name: string; readonly class: string; readonly type: string };
  readonly answer: readonly DescribedRecord[];
  readonly authority: readonly DescribedRecord[];
  /** Without the OPT record. */
  readonly additional: readonly DescribedRecord[];
  readonly edns?: {
    readonly version: number;
    readonly udpSize: number;
    readonly dnssecOk: boolean;
    /** Data in hexadecimal. */
    readonly options: readonly { readonly code: number; readonly data: string }[];
  };
  readonly extendedErrors: readonly DescribedError[];
  /** The layer that a Heimdall answered from, for example `l1`. */
  readonly layer?: string;
}

const flagBits = [
  ['qr', 0x8000],
  ['aa', 0x0400],
  ['tc', 0x0200],
  ['rd', 0x0100],
  ['ra', 0x0080],
  ['ad', 0x0020],
  ['cd', 0x0010],
] as const;

/**
 * Reads a whole message.
 * @throws {MalformedMessage} when any of it is malformed
 */
export function describeMessage(wire: Buffer): DescribedMessage {
  if (wire.length < headerLength)
    throw new MalformedMessage('a message is shorter than its header');
  const hasQuestion = uint16At(wire, 4) !== 0;
  const message = hasQuestion ? wire : withRootQuestion(wire);
  const records = readRecords(message);
  if (records === undefined) throw new MalformedMessage('a section of a message is malformed');
  const edns = ednsOf(message, records);
  const describe = (record: ReceivedRecord): DescribedRecord => describeRecord(message, record);
  return {
    id: uint16At(message, 0),
    responseCode: describeCode(message, edns),
    flags: flagBits.flatMap(([name, bit]) => ((uint16At(message, 2) & bit) === 0 ? [] : [name])),
    ...(hasQuestion ? { question: describeQuestion(message) } : {}),
    answer: records.answer.map(describe),
    authority: records.authority.map(describe),
    additional: records.additional.filter(({ type }) => type !== recordType.OPT).map(describe),
    ...describeEdns(edns),
  };
}

/** Some servers leave the question out of FORMERR; only an OPT record may stand behind it then. */
function withRootQuestion(wire: Buffer): Buffer {
  if (uint16At(wire, 6) !== 0 || uint16At(wire, 8) !== 0) {
    throw new MalformedMessage('a message has records but no question');
  }
  const head = Buffer.from(wire.subarray(0, headerLength));
  putUint16(head, 4, 1);
  return Buffer.concat([head, Buffer.alloc(5), wire.subarray(headerLength)]);
}

function ednsOf(message: Buffer, records: ReceivedRecords): Edns | undefined {
  const opt = records.additional.find(({ type }) => type === recordType.OPT);
  return opt === undefined ? undefined : readEdns(message, opt.typeOffset);
}

function describeCode(message: Buffer, edns: Edns | undefined): string {
  const code = ((edns?.extendedCode ?? 0) << 4) | headerResponseCode(message);
  return responseCodeName(code);
}

function describeQuestion(message: Buffer): NonNullable<DescribedMessage['question']> {
  const name = readName(message, headerLength);
  if (name === undefined) throw new MalformedMessage('the question is malformed');
  const typeOffset = headerLength + name.length;
  return {
    name: formatName(name),
    class: className(uint16At(message, typeOffset + 2)),
    type: recordTypeName(uint16At(message, typeOffset)),
  };
}

function describeRecord(message: Buffer, record: ReceivedRecord): DescribedRecord {
  return {
    name: formatName(record.owner),
    ttlSeconds: record.ttlSeconds,
    class: className(record.class),
    type: recordTypeName(record.type),
    data: formatRdata(message, record),
  };
}

/** `CLASS3` for classes other than IN (RFC 3597 section 5). */
function className(value: number): string {
  return value === classIn ? 'IN' : `CLASS${String(value)}`;
}

function describeEdns(
  edns: Edns | undefined,
): Pick<DescribedMessage, 'edns' | 'extendedErrors' | 'layer'> {
  if (edns === undefined) return { extendedErrors: [] };
  const { version, udpSize, dnssecOk, options } = edns;
  const layer = options.find(({ code }) => code === ednsOption.HEIMDALL_LAYER)?.data;
  return {
    edns: {
      version,
      udpSize,
      dnssecOk,
      options: options.map(({ code, data }) => ({ code, data: data.toString('hex') })),
    },
    extendedErrors: extendedErrorsOf(options).map(({ code, text }) => ({
      code,
      name: extendedErrorName(code),
      text: printable(text),
    })),
    ...(layer === undefined || layer.length === 0 ? {} : { layer: escapeOctets(layer) }),
  };
}

/** Text of a stranger without what would steer a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}]/gu, '\ufffd');
}

/** Whether the answer of the server says what became of the name, be it that there is none. */
export function isAnswered(message: DescribedMessage): boolean {
  return [responseCode.NOERROR, responseCode.NXDOMAIN]
    .map(responseCodeName)
    .includes(message.responseCode);
}

/** A record as a line of a zone file. */
export function formatRecord(record: DescribedRecord): string {
  const { name, ttlSeconds, type, data } = record;
  return `${name} ${String(ttlSeconds)} ${record.class} ${type} ${data}`;
}

/** The message as lines; what is not a record begins with two semicolons, as in `dig`. */
export function messageLines(message: DescribedMessage): string[] {
  const { id, question, edns } = message;
  return [
    `;; ${message.responseCode}, id ${String(id)}, flags: ${message.flags.join(' ')}`,
    ...(question === undefined
      ? []
      : [`;; question: ${question.name} ${question.class} ${question.type}`]),
    ...(edns === undefined ? [] : [ednsLine(edns)]),
    ...message.extendedErrors.map(
      ({ code, name, text }) =>
        `;; extended error ${String(code)} (${name})${text === '' ? '' : `: ${text}`}`,
    ),
    ...sectionLines('answer', message.answer),
    ...sectionLines('authority', message.authority),
    ...sectionLines('additional', message.additional),
  ];
}

function ednsLine(edns: NonNullable<DescribedMessage['edns']>): string {
  const dnssecOk = edns.dnssecOk ? ', dnssec ok' : '';
  return `;; edns: version ${String(edns.version)}, udp ${String(edns.udpSize)}${dnssecOk}`;
}

function sectionLines(title: string, records: readonly DescribedRecord[]): string[] {
  return records.length === 0 ? [] : [`;; ${title}:`, ...records.map(formatRecord)];
}

import { putUint16, uint16At } from '../base/bytes.ts';
import { ednsOption, recordType } from './codes.ts';

/** The sender's size below which RFC 6891 section 6.2.3 reads 512. */
export const udpSizeMin = 512;
/** An OPT record without options: root, type, size, extended code and flags, RDLENGTH. */
export const optFixedLength = 11;
/** DO, the highest bit of the flags (RFC 3225). */
export const dnssecOkBit = 0x8000;

/** An honest response has one or two extended errors, with a few sentences each. */
const extendedErrorsMax = 8;
const errorTextBytesMax = 1024;

/** What an OPT record says (RFC 6891 section 6.1). */
export interface Edns {
  /** The sender's UDP payload size in octets, at least 512. */
  readonly udpSize: number;
  /** The upper eight bits of the response code. */
  readonly extendedCode: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

/** One option: code and data. */
export interface EdnsOption {
  readonly code: number;
  readonly data: Buffer;
}

/** An extended error (RFC 8914): its code and an optional text in UTF-8. */
export interface ExtendedError {
  readonly code: number;
  readonly text: string;
}

/** Reads an OPT record whose type field stands at `typeOffset`; undefined if its options overrun. */
export function readEdns(message: Buffer, typeOffset: number): Edns | undefined {
  const rdata = typeOffset + 10;
  const options = readOptions(message.subarray(rdata, rdata + uint16At(message, typeOffset + 8)));
  if (options === undefined) return undefined;
  return {
    udpSize: Math.max(udpSizeMin, uint16At(message, typeOffset + 2)),
    extendedCode: message.readUInt8(typeOffset + 4),
    version: message.readUInt8(typeOffset + 5),
    dnssecOk: (uint16At(message, typeOffset + 6) & dnssecOkBit) !== 0,
    options,
  };
}

/** The options in the RDATA of an OPT record; undefined if one overruns it. */
export function readOptions(rdata: Buffer): EdnsOption[] | undefined {
  const options: EdnsOption[] = [];
  let at = 0;
  while (at + 4 <= rdata.length) {
    const dataEnd = at + 4 + uint16At(rdata, at + 2);
    if (dataEnd > rdata.length) return undefined;
    options.push({ code: uint16At(rdata, at), data: rdata.subarray(at + 4, dataEnd) });
    at = dataEnd;
  }
  return at === rdata.length ? options : undefined;
}

const noOctets = Buffer.alloc(0);

/** The options as RDATA of an OPT record. */
export function encodeOptions(options: readonly EdnsOption[]): Buffer {
  if (options.length === 0) return noOctets;
  const parts: Buffer[] = [];
  for (const { code, data } of options) {
    const head = Buffer.allocUnsafe(4);
    putUint16(head, 0, code);
    putUint16(head, 2, data.length);
    parts.push(head, data);
  }
  return Buffer.concat(parts);
}

/** A whole OPT record. */
export function encodeOpt(edns: Edns): Buffer {
  const rdata = encodeOptions(edns.options);
  const record = Buffer.alloc(optFixedLength + rdata.length);
  putUint16(record, 1, recordType.OPT);
  putUint16(record, 3, edns.udpSize);
  record[5] = edns.extendedCode;
  record[6] = edns.version;
  putUint16(record, 7, edns.dnssecOk ? dnssecOkBit : 0);
  putUint16(record, 9, rdata.length);
  rdata.copy(record, optFixedLength);
  return record;
}

/**
 * The extended errors among the options; an option too short for its code is passed over, and what
 * is more or longer than anybody reads is cut off: they are kept and passed on.
 */
export function extendedErrorsOf(options: readonly EdnsOption[]): ExtendedError[] {
  return options
    .filter(({ code, data }) => code === ednsOption.EXTENDED_ERROR && data.length >= 2)
    .slice(0, extendedErrorsMax)
    .map(({ data }) => ({
      code: data.readUInt16BE(0),
      text: data.toString('utf8', 2, 2 + errorTextBytesMax),
    }));
}

/** An extended error as an option. */
export function extendedErrorOption(error: ExtendedError): EdnsOption {
  const text = Buffer.from(error.text, 'utf8');
  const data = Buffer.allocUnsafe(2 + text.length);
  putUint16(data, 0, error.code);
  text.copy(data, 2);
  return { code: ednsOption.EXTENDED_ERROR, data };
}

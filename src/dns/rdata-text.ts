import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import { MalformedRecord } from '../base/errors.ts';
import { recordTypeName, recordTypeNumber } from './codes.ts';
import { parseName } from './name.ts';
import type { RdataPart } from './rdata.ts';
import { octetsOf } from './record-words.ts';
import type { RecordWord } from './record-words.ts';
import { serviceParameters } from './service-parameters.ts';

/**
 * What the fields of a type are, in order: numbers of 8, 16 or 32 bits, a name, a character-string
 * (`strings`: all that are left), an address, octets in hexadecimal or base64 to the end, the
 * rest as octets of one text, the parameters of a service.
 */
type Field =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'name'
  | 'string'
  | 'strings'
  | 'text'
  | 'a'
  | 'aaaa'
  | 'hex'
  | 'base64'
  | 'service';

/** Types whose names may be compressed are those of RFC 1035 (RFC 3597 section 4). */
const oldTypes = new Set(['NS', 'CNAME', 'PTR', 'MX', 'SOA']);

const fieldsOf: Readonly<Record<string, readonly Field[]>> = {
  A: ['a'],
  AAAA: ['aaaa'],
  NS: ['name'],
  CNAME: ['name'],
  DNAME: ['name'],
  PTR: ['name'],
  MX: ['u16', 'name'],
  SOA: ['name', 'name', 'u32', 'u32', 'u32', 'u32', 'u32'],
  HINFO: ['string', 'string'],
  TXT: ['strings'],
  SPF: ['strings'],
  SRV: ['u16', 'u16', 'u16', 'name'],
  NAPTR: ['u16', 'u16', 'string', 'string', 'string', 'name'],
  URI: ['u16', 'u16', 'text'],
  CAA: ['u8', 'string', 'text'],
  DS: ['u16', 'u8', 'u8', 'hex'],
  DNSKEY: ['u16', 'u8', 'u8', 'base64'],
  SSHFP: ['u8', 'u8', 'hex'],
  TLSA: ['u8', 'u8', 'u8', 'hex'],
  SVCB: ['u16', 'name', 'service'],
  HTTPS: ['u16', 'name', 'service'],
};

/**
 * The data of a record from its presentation form; of any type in the generic form of RFC 3597
 * section 5 (`\# 4 0a000001`).
 * @param absolute makes a name of a word, relative or not
 * @throws {MalformedRecord} @throws {MalformedName}
 */
export function parseRdata(
  type: number,
  words: readonly RecordWord[],
  absolute: (text: string) => Buffer = parseName,
): RdataPart[] {
  const name = recordTypeName(type);
  if (words[0]?.text === '\\#' && !words[0].isQuoted) return [{ octets: genericOctets(words) }];
  const fields = fieldsOf[name];
  if (fields === undefined) {
    throw new MalformedRecord(`${name} is known in the generic form alone: \\# length octets`);
  }
  const left = [...words];
  const parts = fields.map((field): RdataPart => {
    if (field !== 'name') return { octets: readField(field, left, name) };
    return { name: absolute(take(left, name).text), compressible: oldTypes.has(name) };
  });
  if (left.length > 0)
    throw new MalformedRecord(`${name} has more than its fields: ${left[0]?.text ?? ''}`);
  return parts;
}

/**
 * A type by its name.
 * @throws {MalformedRecord}
 */
export function parseType(text: string): number {
  const type = /^\d/.test(text) ? undefined : recordTypeNumber(text);
  if (type === undefined) throw new MalformedRecord(`"${text}" is no record type`);
  return type;
}

function take(left: RecordWord[], type: string): RecordWord {
  const word = left.shift();
  if (word === undefined) throw new MalformedRecord(`${type} needs more fields`);
  return word;
}

function readField(field: Exclude<Field, 'name'>, left: RecordWord[], type: string): Buffer {
  switch (field) {
    case 'u8':
      return number(take(left, type).text, 1);
    case 'u16':
      return number(take(left, type).text, 2);
    case 'u32':
      return number(take(left, type).text, 4);
    case 'a':
      return address(take(left, type).text, 4);
    case 'aaaa':
      return address(take(left, type).text, 16);
    case 'string':
      return characterString(take(left, type).text);
    case 'strings':
      return Buffer.concat(
        [take(left, type), ...left.splice(0)].map(({ text }) => characterString(text)),
      );
    case 'text':
      return octetsOf(take(left, type).text);
    case 'hex':
      return hex(rest(left, type));
    case 'base64':
      return Buffer.from(rest(left, type), 'base64');
    case 'service':
      return serviceParameters(left.splice(0).map(({ text }) => text));
  }
}

function rest(left: RecordWord[], type: string): string {
  return [take(left, type), ...left.splice(0)].map(({ text }) => text).join('');
}

function number(text: string, width: 1 | 2 | 4): Buffer {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value < 2 ** (8 * width))) {
    throw new MalformedRecord(`"${text}" is no number of ${String(8 * width)} bits`);
  }
  const octets = Buffer.alloc(width);
  octets.writeUIntBE(value, 0, width);
  return octets;
}

function address(text: string, length: 4 | 16): Buffer {
  const octets = Buffer.alloc(addressLengthMax);
  if (text.includes('%') || writeAddress(text, octets) !== length) {
    throw new MalformedRecord(`"${text}" is no address of ${String(length)} octets`);
  }
  return octets.subarray(0, length);
}

/** RFC 1035 section 3.3. */
function characterString(text: string): Buffer {
  const octets = octetsOf(text);
  if (octets.length > 0xff) throw new MalformedRecord('a text has more than 255 octets');
  return Buffer.concat([Buffer.from([octets.length]), octets]);
}

function hex(text: string): Buffer {
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw new MalformedRecord(`"${text}" is not hexadecimal`);
  return Buffer.from(text, 'hex');
}

function genericOctets([, length, ...words]: readonly RecordWord[]): Buffer {
  const octets = hex(words.map(({ text }) => text).join(''));
  if (length?.text !== String(octets.length)) {
    throw new MalformedRecord(
      `found ${String(octets.length)} octets, not ${length?.text ?? 'any'}`,
    );
  }
  return octets;
}

import { type Answer, decode, type Nsec3Data, type RrsigData } from 'dns-packet';
import { putUint16, uint16At, uint32At } from '../base/bytes.ts';
import { MalformedMessage } from '../base/errors.ts';
import { recordType, recordTypeName } from './codes.ts';
import { recordFixedLength, headerLength } from './message.ts';
import { formatName } from './name.ts';
import { readRdata } from './rdata.ts';
import { readName, type ReceivedRecord } from './records.ts';

/** Where the RDATA stands in the message of one record that {@link decodeAlone} makes. */
const aloneRdataOffset = headerLength + 1 + recordFixedLength;

/**
 * RDATA in presentation form (RFC 1035 section 5.1); in the generic form of RFC 3597 section 5 for
 * types that are not known here, and where the octets do not fit the type.
 */
export function formatRdata(message: Buffer, record: ReceivedRecord): string {
  const end = record.rdataOffset + record.rdataLength;
  const rdata = message.subarray(record.rdataOffset, end);
  return withNames(message, record) ?? withoutNames(record.type, rdata) ?? generic(rdata);
}

/** `\# 4 0a000001`. */
function generic(rdata: Buffer): string {
  return `\\# ${String(rdata.length)} ${rdata.toString('hex')}`.trimEnd();
}

/** Types whose names may be compressed; undefined for other types and for malformed RDATA. */
function withNames(message: Buffer, record: ReceivedRecord): string | undefined {
  const parts = readRdata(message, record) ?? [];
  const names = parts.flatMap((part) => ('name' in part ? [formatName(part.name)] : []));
  const octets = parts.map((part) => ('octets' in part ? part.octets : Buffer.alloc(0)));
  const first = octets[0] ?? Buffer.alloc(0);
  const last = octets.at(-1) ?? Buffer.alloc(0);
  if (names.length === 0) return undefined;
  if (record.type === recordType.SOA) {
    return last.length === 20 ? [...names, ...numbers(last, 4)].join(' ') : undefined;
  }
  if (last.length > 0) return undefined;
  if (record.type === recordType.NAPTR) {
    return [...numbers(first.subarray(0, 4), 2), ...strings(first.subarray(4)), ...names].join(' ');
  }
  return [...numbers(first, 2), ...names].join(' ');
}

/** Numbers of two or four octets, one behind the other. */
function numbers(octets: Buffer, width: 2 | 4): string[] {
  const found: string[] = [];
  for (let at = 0; at + width <= octets.length; at += width) {
    found.push(String(width === 2 ? uint16At(octets, at) : uint32At(octets, at)));
  }
  return found;
}

/**
 * Character-strings (RFC 1035 section 3.3), one behind the other.
 * @throws {MalformedMessage} when the last one overruns
 */
function strings(octets: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < octets.length; at += octets.readUInt8(at) + 1) {
    const end = at + 1 + octets.readUInt8(at);
    if (end > octets.length) throw new MalformedMessage('a character-string overruns its record');
    found.push(quote(octets.subarray(at + 1, end)));
  }
  return found;
}

function quote(text: Buffer): string {
  return `"${escapeOctets(text).replaceAll('"', '\\"')}"`;
}

/** Octets as text that is safe on a terminal: `\DDD` for all that is not printable ASCII. */
export function escapeOctets(octets: Buffer): string {
  return octets
    .toString('latin1')
    .replaceAll('\\', '\\\\')
    .replace(/[^\x20-\x7e]/g, (octet) => `\\${String(octet.charCodeAt(0)).padStart(3, '0')}`);
}

/** Octets that RDATA must have: exactly for addresses, at least for others. The codec does not look. */
function fits(type: string, length: number): boolean {
  if (type === 'A') return length === 4;
  if (type === 'AAAA') return length === 16;
  return type !== 'SSHFP' || length > 2;
}

function withoutNames(type: number, rdata: Buffer): string | undefined {
  if (!fits(recordTypeName(type), rdata.length)) return undefined;
  try {
    const alone = aloneMessage(type, rdata);
    const answer = decode(alone).answers?.[0];
    return answer === undefined ? undefined : formatAnswer(answer, alone);
  } catch {
    return undefined; // the octets do not fit the type
  }
}

/** A message with this one record, whose owner is the root. */
function aloneMessage(type: number, rdata: Buffer): Buffer {
  const message = Buffer.alloc(aloneRdataOffset + rdata.length);
  putUint16(message, 6, 1);
  putUint16(message, headerLength + 1, type);
  putUint16(message, headerLength + 3, 1);
  putUint16(message, aloneRdataOffset - 2, rdata.length);
  rdata.copy(message, aloneRdataOffset);
  return message;
}

/** The name at an offset of the RDATA: the codec loses the dots and octets inside its labels. */
function nameAt(alone: Buffer, offset: number): string {
  const name = readName(alone, aloneRdataOffset + offset);
  return name === undefined ? '.' : formatName(name);
}

function formatAnswer(answer: Answer, alone: Buffer): string | undefined {
  const rdata = alone.subarray(aloneRdataOffset);
  if (answer.type === 'A' || answer.type === 'AAAA') return answer.data;
  if (answer.type === 'TXT' || answer.type === 'HINFO') return strings(rdata).join(' ');
  if (answer.type === 'CAA') return formatCaa(rdata);
  if (answer.type === 'NSEC')
    return [nameAt(alone, 0), ...typeNames(answer.data.rrtypes)].join(' ');
  if (answer.type === 'NSEC3') return formatNsec3(answer.data);
  if (answer.type === 'RRSIG') return formatRrsig(answer.data, nameAt(alone, 18));
  return formatKeyOrDigest(answer, rdata);
}

/** Flags, tag and value (RFC 8659 section 4.1.1): as octets, since the codec takes them for UTF-8. */
function formatCaa(rdata: Buffer): string {
  const valueOffset = 2 + rdata.readUInt8(1);
  const tag = escapeOctets(rdata.subarray(2, valueOffset));
  return `${String(rdata.readUInt8(0))} ${tag} ${quote(rdata.subarray(valueOffset))}`;
}

/** RFC 5155 section 3.3. */
function formatNsec3(data: Nsec3Data): string {
  const { algorithm, flags, iterations, salt, nextDomain, rrtypes } = data;
  const saltText = salt.length === 0 ? '-' : salt.toString('hex').toUpperCase();
  const head = [algorithm, flags, iterations, saltText, base32Hex(nextDomain)];
  return [...head, ...typeNames(rrtypes)].join(' ');
}

/** RFC 4034 section 3.2. */
function formatRrsig(data: RrsigData, signer: string): string {
  const head = [typeName(data.typeCovered), data.algorithm, data.labels, data.originalTTL];
  const times = [dateText(data.expiration), dateText(data.inception), data.keyTag];
  return [...head, ...times, signer, data.signature.toString('base64')].join(' ');
}

function formatKeyOrDigest(answer: Answer, rdata: Buffer): string | undefined {
  if (answer.type === 'DNSKEY') {
    const { flags, algorithm, key } = answer.data;
    return `${String(flags)} 3 ${String(algorithm)} ${key.toString('base64')}`;
  }
  if (answer.type === 'DS') {
    const { keyTag, algorithm, digestType, digest } = answer.data;
    return `${[keyTag, algorithm, digestType].join(' ')} ${digest.toString('hex').toUpperCase()}`;
  }
  if (answer.type === 'TLSA') {
    const { usage, selector, matchingType, certificate } = answer.data;
    return `${[usage, selector, matchingType].join(' ')} ${certificate.toString('hex')}`;
  }
  if (answer.type === 'SSHFP') {
    const { algorithm, hash } = answer.data;
    return `${String(algorithm)} ${String(hash)} ${rdata.toString('hex', 2).toUpperCase()}`;
  }
  return undefined;
}

/** The codec's name of a type as ours: `UNKNOWN_65` is HTTPS. */
function typeName(name: string): string {
  const unknown = /^UNKNOWN_(\d+)$/.exec(name)?.[1];
  return unknown === undefined ? name : recordTypeName(Number(unknown));
}

function typeNames(names: readonly string[]): string[] {
  return names.map(typeName);
}

/** `20261123184500`, in UTC (RFC 4034 section 3.2). */
function dateText(epochSeconds: number): string {
  const text = new Date(epochSeconds * 1000).toISOString();
  return text.slice(0, 19).replace(/\D/g, '');
}

const base32Digits = '0123456789ABCDEFGHIJKLMNOPQRSTUV';

/** Base32 with the extended hex alphabet and no padding (RFC 5155 section 3.3). */
function base32Hex(octets: Buffer): string {
  const bits = [...octets].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? [])
    .map((digit) => base32Digits.charAt(Number.parseInt(digit.padEnd(5, '0'), 2)))
    .join('');
}

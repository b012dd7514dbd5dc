import { isIPv4, isIPv6 } from 'node:net';
import dnsPacket from 'dns-packet';
import type { Answer as PacketRecord } from 'dns-packet';
import { recordTypeNumber } from '../../src/dns/codes.ts';
import { describeMessage } from '../../src/dns/presentation.ts';
import type { DescribedRecord } from '../../src/dns/presentation.ts';
import { soaRecord } from '../support/scripted-upstream.ts';
import type { BlockLine } from './script-lines.ts';
import type { WordReader } from './word-reader.ts';

export type Section = 'answer' | 'authority' | 'additional';

/** A record of a script and the section where it stands. */
export interface ScriptRecord {
  readonly section: Section;
  readonly record: PacketRecord;
}

const sections = ['answer', 'authority', 'additional'] as const;

/** `[answer:|authority:|additional:] NAME TYPE TTL DATA…` */
export function readRecordLine(reader: WordReader): ScriptRecord {
  const section = sections.find((one) => reader.accept(`${one}:`)) ?? 'answer';
  const name = nameOf(reader.take('the name of a record'));
  const type = reader.type();
  const ttlSeconds = reader.number('a TTL');
  return { section, record: recordOf(reader, { name, type, ttlSeconds }, reader.rest()) };
}

/** The records of a block. */
export function readBlock(
  block: readonly BlockLine[],
  readerOf: (line: BlockLine) => WordReader,
): ScriptRecord[] {
  return block.map((line) => readRecordLine(readerOf(line)));
}

/** Without the final dot, the root as an empty name, as dns-packet has it. */
export function nameOf(word: string): string {
  return word === '.' ? '' : word.replace(/\.$/, '');
}

export interface RecordHead {
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
}

/** A record from the words of its data. */
export function recordOf(
  reader: WordReader,
  { name, type, ttlSeconds }: RecordHead,
  words: readonly string[],
): PacketRecord {
  const [first = ''] = words;
  if (first === '') reader.fail(`the data of the ${type} record is missing`);
  if (type === 'SOA') return soaOf(reader, { name, type, ttlSeconds }, words);
  const isWrong = (type === 'A' && !isIPv4(first)) || (type === 'AAAA' && !isIPv6(first));
  if (isWrong) reader.fail(`found "${first}", which is no address for ${type}`);
  const data = dataOf(type, words);
  const known = data === undefined ? `UNKNOWN_${String(recordTypeNumber(type))}` : type;
  const octets = data ?? octetsOf(reader, type, words);
  return { name, type: known, ttl: ttlSeconds, data: octets } as unknown as PacketRecord;
}

/** `minimum SECONDS`: the rest of an SOA record never matters here. */
function soaOf(reader: WordReader, head: RecordHead, words: readonly string[]): PacketRecord {
  const [keyword, minimum = ''] = words;
  if (keyword !== 'minimum' || !/^\d+$/.test(minimum)) {
    reader.fail('the data of an SOA record is written: minimum SECONDS');
  }
  return soaRecord(head.name, head.ttlSeconds, Number(minimum));
}

/** As dns-packet takes it; undefined for the types that are written in octets. */
function dataOf(type: string, words: readonly string[]): unknown {
  const [first = '', second = '', third = '', fourth = ''] = words;
  switch (type) {
    case 'A':
    case 'AAAA':
      return first;
    case 'CNAME':
    case 'DNAME':
    case 'NS':
    case 'PTR':
      return nameOf(first);
    case 'TXT':
      return words.map((word) => word.replaceAll('"', ''));
    case 'HINFO':
      return { cpu: first.replaceAll('"', ''), os: second.replaceAll('"', '') };
    case 'MX':
      return { preference: Number(first), exchange: nameOf(second) };
    case 'SRV':
      return {
        priority: Number(first),
        weight: Number(second),
        port: Number(third),
        target: nameOf(fourth),
      };
    case 'NSEC':
      return { nextDomain: nameOf(first), rrtypes: words.slice(1) };
    default:
      return undefined;
  }
}

/** An RRSIG by the type that it covers; any other type in hexadecimal. */
function octetsOf(reader: WordReader, type: string, words: readonly string[]): Buffer {
  const [first = ''] = words;
  if (type === 'RRSIG') {
    const covered = recordTypeNumber(first);
    if (covered === undefined) reader.fail('an RRSIG is written with the type that it covers');
    const octets = Buffer.alloc(23, 1); // the signer is the root, the signature four octets
    octets.writeUInt16BE(covered, 0);
    octets[18] = 0;
    return octets;
  }
  const text = words.join('');
  if (!/^(?:[0-9a-f]{2})+$/i.test(text)) {
    reader.fail(`the data of ${type} is written in hexadecimal octets`);
  }
  return Buffer.from(text, 'hex');
}

/** The same record as a response would show it. */
export function describeScriptRecord({ record }: ScriptRecord): DescribedRecord {
  const questions = [{ name: 'question.invalid', type: 'A' as const, class: 'IN' as const }];
  const wire = dnsPacket.encode({ type: 'response', questions, answers: [record] });
  const [described] = describeMessage(wire).answer;
  if (described === undefined) throw new TypeError('dns-packet lost a record');
  return described;
}

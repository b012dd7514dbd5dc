import dnsPacket from 'dns-packet';
import type { Answer as PacketRecord } from 'dns-packet';
import type { Random } from '../../src/base/random.ts';
import { below, pick } from './message-mutation.ts';

/** A question of a generated message. */
export interface GeneratedQuestion {
  readonly name: string;
  readonly type: string;
}

const labels = [
  'www',
  'a',
  'b',
  'mail',
  'Example',
  'EXAMPLE',
  'x'.repeat(63),
  'ns1',
  '_sip',
  'net',
];
const types = [
  'A',
  'AAAA',
  'MX',
  'TXT',
  'SRV',
  'CNAME',
  'NS',
  'PTR',
  'SOA',
  'NAPTR',
  'RP',
  'DNAME',
];
const questionTypes = [...types, 'ANY', 'DS', 'UNKNOWN_65280', 'UNKNOWN_65', 'RRSIG', 'HINFO'];
const ttls = [0, 1, 59, 300, 86_400, 604_800, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const optionCodes = [3, 8, 10, 11, 12, 15, 65_310, 65_400];

/** Names out of few labels: they meet again and again, as names of one zone do. */
export function randomName(random: Random): string {
  const parts = Array.from({ length: below(random, 4) }, () => pick(random, labels));
  return [...parts, pick(random, ['com', 'example.com', 'test', 'COM'])].join('.');
}

export function randomQuestion(random: Random): GeneratedQuestion {
  return { name: randomName(random), type: pick(random, questionTypes) };
}

function dataOf(type: string, random: Random): unknown {
  const name = randomName(random);
  switch (type) {
    case 'A':
      return `192.0.2.${String(below(random, 256))}`;
    case 'AAAA':
      return `2001:db8::${below(random, 0x1_0000).toString(16)}`;
    case 'MX':
      return { preference: below(random, 0x1_0000), exchange: name };
    case 'TXT':
      return Array.from({ length: 1 + below(random, 3) }, () => 't'.repeat(below(random, 256)));
    case 'SRV':
      return { priority: 1, weight: 2, port: below(random, 0x1_0000), target: name };
    case 'SOA':
      return soaData(name, random);
    case 'NAPTR':
      return {
        order: 1,
        preference: 2,
        flags: 's',
        services: 'SIP',
        regexp: '!x!',
        replacement: name,
      };
    case 'RP':
      return { mbox: name, txt: randomName(random) };
    case 'CNAME':
    case 'DNAME':
    case 'NS':
    case 'PTR':
      return name;
    default:
      return Buffer.alloc(below(random, 30), below(random, 256));
  }
}

function soaData(name: string, random: Random): object {
  const numbers = { serial: 1, refresh: 2, retry: 3, expire: 4, minimum: pick(random, ttls) };
  return { mname: name, rname: `host.${name}`, ...numbers };
}

export function randomRecord(random: Random, name: string, type: string): PacketRecord {
  const data = dataOf(type, random);
  const known = data instanceof Buffer ? `UNKNOWN_${String(below(random, 0x1_0000))}` : type;
  const record = { name, type: known, ttl: pick(random, ttls), data };
  return record as unknown as PacketRecord;
}

/** Aliases from the question on, their target's records, and now and then what does not belong. */
function randomAnswers(question: GeneratedQuestion, random: Random): PacketRecord[] {
  const records: PacketRecord[] = [];
  let { name } = question;
  while (random.fraction() < 0.4 && records.length < 20) {
    const target = randomName(random);
    const ttl = pick(random, ttls);
    records.push({ name, type: 'CNAME', ttl, data: target });
    name = target;
  }
  const type = question.type === 'ANY' ? pick(random, types) : question.type;
  const answers = below(random, 4);
  for (let left = answers; left > 0; left--) records.push(randomRecord(random, name, type));
  if (random.fraction() < 0.3) {
    records.push(randomRecord(random, randomName(random), pick(random, types)));
  }
  return random.fraction() < 0.2 ? records.toReversed() : records;
}

/** Most often a client subnet that can be read: few of them, so that they meet again. */
function optionData(code: number, random: Random): Buffer {
  if (code === 8 && random.fraction() < 0.7) {
    return Buffer.from([0, 1, 24, pick(random, [0, 0, 0, 24]), 198, 51, below(random, 3)]);
  }
  return Buffer.alloc(below(random, 12), below(random, 256));
}

function optOf(random: Random): PacketRecord {
  const options = Array.from({ length: below(random, 3) }, () => {
    const code = pick(random, optionCodes);
    return { code, data: optionData(code, random) };
  });
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: pick(random, [0, 511, 512, 513, 1232, 4096, 65_535]),
    flags: pick(random, [0, dnsPacket.DNSSEC_OK]),
    ednsVersion: random.fraction() < 0.05 ? 1 : 0,
    options,
  };
  return opt as unknown as PacketRecord;
}

/** A well-formed query, as unusual as queries come. */
export function randomQuery(random: Random, question = randomQuestion(random)): Buffer {
  const flags = pick(random, [0x0100, 0x0100, 0x0100, 0x0110, 0x0120, 0, 0x2900, 0x8180]);
  return dnsPacket.encode({
    type: 'query',
    id: random.uint16(),
    flags: flags & 0x7fff,
    questions: [question as dnsPacket.Question],
    additionals: random.fraction() < 0.6 ? [optOf(random)] : [],
  });
}

/** A well-formed response, whatever it makes of the question. */
export function randomResponse(question: GeneratedQuestion, random: Random): Buffer {
  const code = pick(random, [0, 0, 0, 0, 3, 3, 2, 5]);
  const zone = pick(random, [question.name, 'example.com', 'com', 'net']);
  const authorities: PacketRecord[] = [];
  if (random.fraction() < 0.5) authorities.push(randomRecord(random, zone, 'SOA'));
  if (random.fraction() < 0.2) authorities.push(randomRecord(random, zone, 'NS'));
  return dnsPacket.encode({
    type: 'response',
    id: random.uint16(),
    flags: pick(random, [0x8180, 0x8180, 0x8100, 0x8580, 0x81a0]) | code,
    questions: [question as dnsPacket.Question],
    answers: code === 3 && random.fraction() < 0.7 ? [] : randomAnswers(question, random),
    authorities,
    additionals: random.fraction() < 0.6 ? [optOf(random)] : [],
  });
}

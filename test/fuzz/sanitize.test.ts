import { describe, expect } from '@jest/globals';
import { MalformedMessage } from '../../src/base/errors.ts';
import type { Random } from '../../src/base/random.ts';
import { uint16At } from '../../src/base/bytes.ts';
import { followChain } from '../../src/dns/answer-chain.ts';
import { answerTo } from '../../src/dns/answer-to.ts';
import type { Answer } from '../../src/dns/answer.ts';
import { headerLength } from '../../src/dns/message.ts';
import { parseName } from '../../src/dns/name.ts';
import { readQuestion } from '../../src/dns/question.ts';
import type { Question } from '../../src/dns/question.ts';
import { readRdata } from '../../src/dns/rdata.ts';
import { readRecords } from '../../src/dns/records.ts';
import { sanitizeResponse } from '../../src/dns/sanitize.ts';
import type { Sanitized } from '../../src/dns/sanitize.ts';
import { fuzz } from './fuzz-runs.ts';
import { randomQuestion, randomResponse } from './message-generator.ts';
import { mutate, noise } from './message-mutation.ts';

const ttl = { ttlMinSeconds: 0, ttlMaxSeconds: 86_400, negativeTtlMaxSeconds: 1800 };

function sanitize(message: Buffer, question: Question, random: Random): Sanitized | undefined {
  const dnssecOk = random.fraction() < 0.5;
  try {
    const once = sanitizeResponse(message, question, { dnssecOk, trustAuthenticData: true, ttl });
    if (once.kind === 'answer') {
      const options = { dnssecOk, trustAuthenticData: true, ttl };
      const twice = sanitizeResponse(once.answer.wire, question, options);
      expectSame(once, twice);
    }
    return once;
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined;
    throw error;
  }
}

/** What was clean stays as it is, octet for octet. */
function expectSame(once: Sanitized & { kind: 'answer' }, twice: Sanitized): void {
  if (twice.kind !== 'answer') throw new Error('an answer became none');
  if (!once.answer.wire.equals(twice.answer.wire)) {
    throw new Error(`${once.answer.wire.toString('hex')}\n${twice.answer.wire.toString('hex')}`);
  }
  if (twice.recordsRemoved !== 0) throw new Error('records were removed twice');
  if (once.answer.kind !== twice.answer.kind) throw new Error('another kind');
  if (once.answer.ttlSeconds !== twice.answer.ttlSeconds) throw new Error('another lifetime');
}

/** All that the rest of Heimdall relies on without looking again. */
function checkAnswer(answer: Answer, question: Question): void {
  const { wire, kind, ttlSeconds } = answer;
  const records = readRecords(wire);
  if (records === undefined) throw new Error('not readable');
  const problems = [
    records.end !== wire.length && 'something behind the records',
    records.additional.length > 0 && 'an additional section',
    uint16At(wire, 0) !== 0 && 'an id',
    wire[2] !== 0x80 && 'other flags than QR',
    wire[3] !== (kind === 'nxdomain' ? 0x83 : 0x80) && 'other flags than RA and the code',
    readQuestion(wire, headerLength)?.question.name.equals(question.name) !== true && 'the name',
    ttlSeconds > 86_400 && 'too long a life',
    kind !== 'positive' && ttlSeconds > 1800 && 'too long a negative life',
    wire.length > 65_535 && 'too many octets',
  ].filter((problem) => problem !== false);
  for (const record of [...records.answer, ...records.authority]) {
    if (record.class !== 1) problems.push('a foreign class');
    if (record.ttlSeconds > 86_400) problems.push('a TTL above the limit');
    if (ttlSeconds > record.ttlSeconds) problems.push('a life beyond a TTL');
    if (record.type === 41) problems.push('an OPT record');
    if (readRdata(wire, record) === undefined) problems.push('malformed data');
  }
  const chain = followChain(wire, records.answer, question);
  if (chain?.records.length !== records.answer.length) problems.push('a record off the chain');
  if (chain?.answered !== (kind === 'positive')) problems.push('another kind than its records say');
  if (problems.length > 0) throw new Error(`${problems.join(', ')}: ${wire.toString('hex')}`);
}

function questionOf({ name, type }: { name: string; type: string }): Question {
  const number = readTypeNumber(type);
  return { name: parseName(name.toLowerCase()), type: number };
}

const typeNumbers: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  RP: 17,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  DS: 43,
  RRSIG: 46,
  ANY: 255,
};

function readTypeNumber(type: string): number {
  return typeNumbers[type] ?? Number(type.replace('UNKNOWN_', ''));
}

describe('sanitizeResponse', () => {
  fuzz(
    'reads every well-formed response, and its answer holds what others rely on',
    0.1,
    (random) => {
      const asked = randomQuestion(random);
      const question = questionOf(asked);
      const sanitized = sanitizeResponse(randomResponse(asked, random), question, {
        dnssecOk: random.fraction() < 0.5,
        trustAuthenticData: false,
        ttl,
      });
      if (sanitized.kind === 'answer') checkAnswer(sanitized.answer, question);
      else if (sanitized.code === 0) throw new Error('a failure without a code');
    },
  );

  fuzz(
    'survives damaged responses, compressed ones too; twice clean is clean once',
    0.2,
    (random) => {
      const asked = randomQuestion(random);
      const question = questionOf(asked);
      let message = randomResponse(asked, random);
      const clean = sanitize(message, question, random);
      if (clean?.kind === 'answer') {
        checkAnswer(clean.answer, question);
        if (random.fraction() < 0.6) message = clean.answer.wire;
      }
      const damaged = mutate(message, random, randomResponse(asked, random));
      const sanitized = sanitize(damaged, question, random);
      if (sanitized?.kind === 'answer') checkAnswer(sanitized.answer, question);
    },
  );

  fuzz('survives noise', 0.02, (random) => {
    const octets = noise(random, 600);
    if (octets.length < headerLength) return;
    octets.writeUInt16BE(1, 4);
    sanitize(octets, questionOf(randomQuestion(random)), random);
  });

  fuzz('an answer told to another question keeps its records', 0.02, (random) => {
    const asked = randomQuestion(random);
    const question = questionOf(asked);
    const options = { dnssecOk: false, trustAuthenticData: false, ttl };
    const sanitized = sanitizeResponse(randomResponse(asked, random), question, options);
    if (sanitized.kind !== 'answer') return;
    const other = questionOf(randomQuestion(random));
    const told = answerTo(other, sanitized.answer).wire;
    const back = answerTo(question, { ...sanitized.answer, wire: told }).wire;
    expect(readRecords(told)?.end).toBe(told.length);
    expect(back.length).toBe(sanitized.answer.wire.length);
  });
});

import { describe, expect } from '@jest/globals';
import { headerLength } from '../../src/dns/message.ts';
import { describeMessage, messageLines } from '../../src/dns/presentation.ts';
import { decodeKey } from '../../src/dns/question.ts';
import { MalformedMessage } from '../../src/base/errors.ts';
import { readQuery } from '../../src/query/read-query.ts';
import { encodeRejection } from '../../src/query/reply.ts';
import { mismatchOf } from '../../src/upstream/response-check.ts';
import { fuzz } from './fuzz-runs.ts';
import { randomQuery, randomQuestion, randomResponse } from './message-generator.ts';
import { mutate, noise } from './message-mutation.ts';

const arrival = {
  transport: 'udp',
  client: { host: '192.0.2.7', port: 4000 },
  receivedAtMs: 0,
} as const;
const limits = { udpResponseBytesMax: 1232, tcpIdleTimeoutMs: 10_000 };

/** Whatever the octets are, they are a query, refused or dropped; no response is a query. */
function checkRead(wire: Buffer): void {
  const read = readQuery(wire, arrival);
  const isResponse = wire.length >= headerLength && (wire.readUInt8(2) & 0x80) !== 0;
  if (isResponse && read.kind !== 'drop') throw new Error('a response was read as a query');
  if (read.kind === 'query') {
    const { question } = decodeKey(read.query.key);
    if (!question.name.equals(read.query.question.name))
      throw new Error('the key has another name');
    if (question.type !== read.query.question.type) throw new Error('the key has another type');
    if (read.query.asked.length !== question.name.length + 4) throw new Error('asked is cut wrong');
  } else if (read.kind === 'reject') {
    const rejection = encodeRejection(wire, read, limits, arrival.client);
    if (!rejection.subarray(0, 2).equals(wire.subarray(0, 2))) throw new Error('another id');
    expect(rejection.length).toBeLessThanOrEqual(512);
    describeMessage(rejection); // throws when it is malformed
  }
}

/** A description of anything is text, or the message is malformed. */
function checkDescription(wire: Buffer): void {
  try {
    const text = messageLines(describeMessage(wire)).join('\n');
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    if (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(text)) {
      throw new TypeError('a control character reaches the terminal');
    }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
  }
}

describe('readQuery', () => {
  fuzz('reads, refuses or drops whatever comes', 0.12, (random) => {
    const wire = randomQuery(random);
    checkRead(wire);
    checkRead(mutate(wire, random, randomQuery(random)));
  });

  fuzz('survives noise', 0.03, (random) => checkRead(noise(random, 200)));
});

describe('describeMessage', () => {
  fuzz('describes what is well-formed, and calls the rest malformed', 0.08, (random) => {
    const response = randomResponse(randomQuestion(random), random);
    describeMessage(response);
    checkDescription(mutate(response, random));
    checkDescription(noise(random, 200));
  });
});

describe('the check of a response', () => {
  fuzz('accepts only what has the id and the question', 0.05, (random) => {
    const question = randomQuestion(random);
    const sent = randomQuery(random, question);
    const received = randomResponse(question, random);
    received.writeUInt16BE(sent.readUInt16BE(0), 0);
    if (mismatchOf(received, sent, true) !== undefined) throw new Error('an honest one is refused');
    const damaged = mutate(received, random, sent);
    if (mismatchOf(damaged, sent, random.fraction() < 0.5) !== undefined) return;
    const questionLength = sent.indexOf(0, headerLength) + 5;
    const same = (from: number, to: number): boolean =>
      damaged.toString('latin1', from, to).toLowerCase() ===
      sent.toString('latin1', from, to).toLowerCase();
    const isBareRefusal = damaged.readUInt16BE(4) === 0;
    if (!same(0, 2)) throw new Error('another id was accepted');
    if ((damaged.readUInt8(2) & 0x80) === 0) throw new Error('a query was accepted');
    if (!isBareRefusal && !same(headerLength, questionLength)) {
      throw new Error('another question was accepted');
    }
  });
});

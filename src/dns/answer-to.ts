import { assert } from '../base/assert.ts';
import { byteAt } from '../base/bytes.ts';
import type { Answer } from './answer.ts';
import { MessageWriter } from './message-writer.ts';
import { putCounts } from './message.ts';
import type { Question } from './question.ts';
import { readRdata } from './rdata.ts';
import { readRecords } from './records.ts';

/**
 * The same answer in a message that asks another question: an NXDOMAIN that holds for names below
 * its own (RFC 8020) must be told to each of them.
 * @throws {MalformedMessage} when it would pass 65,535 octets
 */
export function answerTo(question: Question, answer: Answer): Answer {
  const records = readRecords(answer.wire);
  assert(records !== undefined, 'a kept answer can be read');
  const writer = new MessageWriter(question);
  for (const record of [...records.answer, ...records.authority]) {
    const { owner, type, ttlSeconds } = record;
    const rdata = readRdata(answer.wire, record);
    assert(rdata !== undefined, 'a kept record can be read');
    writer.record({ owner, type, ttlSeconds, rdata });
  }
  const wire = writer.finish();
  wire[2] = byteAt(answer.wire, 2);
  wire[3] = byteAt(answer.wire, 3);
  putCounts(wire, records.answer.length, records.authority.length, 0);
  return { ...answer, wire };
}

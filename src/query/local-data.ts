import { byteAt } from '../base/bytes.ts';
import { assert } from '../base/assert.ts';
import { recordType } from '../dns/codes.ts';
import type { Answer } from '../dns/answer.ts';
import { putCounts } from '../dns/message.ts';
import { MessageWriter } from '../dns/message-writer.ts';
import { encodeKey } from '../dns/question.ts';
import type { Question } from '../dns/question.ts';
import { readRdata } from '../dns/rdata.ts';
import { readRecords } from '../dns/records.ts';
import { negativeOutcome, positiveOutcome } from './local-answer.ts';
import type { LocalOrigin, LocalRdata } from './local-answer.ts';
import type { Outcome } from './outcome.ts';
import { ownQuery } from './own-query.ts';
import type { Query } from './query.ts';
import type { Next } from './stage.ts';

/** The records that a name has here, by type. */
export type LocalData = ReadonlyMap<number, readonly LocalRdata[]>;

/**
 * What a name with records of its own answers: those of the type asked for; where it is an alias,
 * the alias and what the stages below have for its target; else that there are none (NODATA).
 */
export function dataOutcome(
  query: Query,
  data: LocalData,
  origin: LocalOrigin,
  next: Next,
): Promise<Outcome> {
  const { question } = query;
  const [first] = data.keys();
  const type = question.type === recordType.ANY ? (first ?? recordType.ANY) : question.type;
  const records = data.get(type);
  if (records !== undefined)
    return Promise.resolve(positiveOutcome(question, type, records, origin));
  const target = aliasOf(data);
  if (target !== undefined) return aliasOutcome(query, target, origin, next);
  return Promise.resolve(negativeOutcome(question, 'nodata', question.name, origin));
}

function aliasOf(data: LocalData): Buffer | undefined {
  const [part] = data.get(recordType.CNAME)?.[0] ?? [];
  return part !== undefined && 'name' in part ? part.name : undefined;
}

/** An alias that is known here, with what the stages below have for its target behind it. */
export async function aliasOutcome(
  query: Query,
  target: Buffer,
  origin: LocalOrigin,
  next: Next,
): Promise<Outcome> {
  const outcome = await next(queryFor(query, target));
  if (outcome.kind !== 'answer') return outcome;
  const answer = withAlias(query.question, target, origin.ttlSeconds, outcome.answer);
  const extendedErrors = [...origin.extendedErrors, ...outcome.extendedErrors];
  const { layer, detail } = origin;
  return { ...outcome, answer, extendedErrors, layer, detail, authoritative: false };
}

/** The same query for another name, by the same client. */
function queryFor(query: Query, name: Buffer): Query {
  const { flags, question, receivedAtMs, transport, client, edns } = query;
  const key = encodeKey({ name, type: question.type }, flags);
  return { ...ownQuery(key, 'client', receivedAtMs), transport, client, edns };
}

function withAlias(question: Question, target: Buffer, ttlSeconds: number, answer: Answer): Answer {
  const records = readRecords(answer.wire);
  assert(records !== undefined, 'a kept answer can be read');
  const writer = new MessageWriter(question);
  const rdata = [{ name: target, compressible: true }];
  writer.record({ owner: question.name, type: recordType.CNAME, ttlSeconds, rdata });
  for (const record of [...records.answer, ...records.authority]) {
    const parts = readRdata(answer.wire, record);
    assert(parts !== undefined, 'a kept record can be read');
    writer.record({
      owner: record.owner,
      type: record.type,
      ttlSeconds: record.ttlSeconds,
      rdata: parts,
    });
  }
  const wire = writer.finish();
  wire[2] = byteAt(answer.wire, 2);
  wire[3] = byteAt(answer.wire, 3);
  putCounts(wire, records.answer.length + 1, records.authority.length, 0);
  return { ...answer, wire, authenticData: false };
}

import type { Answer, AnswerKind } from '../dns/answer.ts';
import { recordType, responseCode } from '../dns/codes.ts';
import { flagRecursionAvailable, flagResponse, putCounts } from '../dns/message.ts';
import { MessageWriter } from '../dns/message-writer.ts';
import { parseName } from '../dns/name.ts';
import type { Question } from '../dns/question.ts';
import type { RdataPart } from '../dns/rdata.ts';
import type { Outcome } from '../query/outcome.ts';

/** How long clients may keep local answers; RFC 6303 section 3 uses three hours. */
export const localTtlSeconds = 10_800;

/** The data of a record to answer with. */
export type LocalRdata = readonly RdataPart[];

/** The numbers of the SOA in RFC 6303 section 3: serial, refresh, retry, expire, minimum. */
const soaNumbers = Buffer.alloc(20);
[1, 3600, 1200, 604_800, localTtlSeconds].forEach((value, index) => {
  soaNumbers.writeUInt32BE(value, index * 4);
});
const soaMailbox = parseName('nobody.invalid');

/** An answer with one record of the question's name; of its type, but for ANY. */
export function positiveOutcome(
  question: Question,
  type: number,
  rdata: LocalRdata,
  detail: string,
): Outcome {
  const writer = new MessageWriter(question);
  writer.record({ owner: question.name, type, ttlSeconds: localTtlSeconds, rdata });
  return outcome(finish(writer, 'positive', [1, 0]), detail);
}

/** NXDOMAIN or NODATA with the SOA of the zone, so that clients may keep it (RFC 2308 section 3). */
export function negativeOutcome(
  question: Question,
  kind: 'nodata' | 'nxdomain',
  apex: Buffer,
  detail: string,
): Outcome {
  const writer = new MessageWriter(question);
  writer.record({
    owner: apex,
    type: recordType.SOA,
    ttlSeconds: localTtlSeconds,
    rdata: [
      { name: apex, compressible: true },
      { name: soaMailbox, compressible: true },
      { octets: soaNumbers },
    ],
  });
  return outcome(finish(writer, kind, [0, 1]), detail);
}

function finish(
  writer: MessageWriter,
  kind: AnswerKind,
  [answers, authority]: readonly [number, number],
): Answer {
  const wire = writer.finish();
  wire[2] = flagResponse;
  wire[3] = flagRecursionAvailable | (kind === 'nxdomain' ? responseCode.NXDOMAIN : 0);
  putCounts(wire, answers, authority, 0);
  return { kind, wire, ttlSeconds: localTtlSeconds, authenticData: false, extendedErrors: [] };
}

function outcome(answer: Answer, detail: string): Outcome {
  return {
    kind: 'answer',
    answer,
    ageSeconds: 0,
    extendedErrors: [],
    layer: 'local',
    detail,
    authoritative: true,
  };
}

import type { Answer, AnswerKind } from '../dns/answer.ts';
import { recordType, responseCode } from '../dns/codes.ts';
import { flagRecursionAvailable, flagResponse, putCounts } from '../dns/message.ts';
import { MessageWriter } from '../dns/message-writer.ts';
import { parseName } from '../dns/name.ts';
import type { Question } from '../dns/question.ts';
import type { RdataPart } from '../dns/rdata.ts';
import type { ExtendedError } from '../dns/edns.ts';
import type { Layer, Outcome } from './outcome.ts';

/** The data of a record to answer with. */
export type LocalRdata = readonly RdataPart[];

/** Where an answer that nobody was asked for comes from. */
export interface LocalOrigin {
  readonly layer: Layer;
  /** The rule that applied. */
  readonly detail: string;
  /** How long clients may keep it. */
  readonly ttlSeconds: number;
  readonly extendedErrors: readonly ExtendedError[];
}

/** The numbers of the SOA in RFC 6303 section 3: serial, refresh, retry, expire; the minimum follows. */
const soaNumbers = [1, 3600, 1200, 604_800];
const soaMailbox = parseName('nobody.invalid');

/** An answer with records of the question's name; of its type, but for ANY. */
export function positiveOutcome(
  question: Question,
  type: number,
  records: readonly LocalRdata[],
  origin: LocalOrigin,
): Outcome {
  const writer = new MessageWriter(question);
  const { ttlSeconds } = origin;
  for (const rdata of records) writer.record({ owner: question.name, type, ttlSeconds, rdata });
  return finish(writer, 'positive', [records.length, 0], origin);
}

/** NXDOMAIN or NODATA with the SOA of the zone, so that clients may keep it (RFC 2308 section 3). */
export function negativeOutcome(
  question: Question,
  kind: 'nodata' | 'nxdomain',
  apex: Buffer,
  origin: LocalOrigin,
): Outcome {
  const writer = new MessageWriter(question);
  const { ttlSeconds } = origin;
  const numbers = Buffer.alloc(20);
  [...soaNumbers, ttlSeconds].forEach((value, index) => numbers.writeUInt32BE(value, index * 4));
  writer.record({
    owner: apex,
    type: recordType.SOA,
    ttlSeconds,
    rdata: [
      { name: apex, compressible: true },
      { name: soaMailbox, compressible: true },
      { octets: numbers },
    ],
  });
  return finish(writer, kind, [0, 1], origin);
}

function finish(
  writer: MessageWriter,
  kind: AnswerKind,
  [answers, authority]: readonly [number, number],
  { layer, detail, ttlSeconds, extendedErrors }: LocalOrigin,
): Outcome {
  const wire = writer.finish();
  wire[2] = flagResponse;
  wire[3] = flagRecursionAvailable | (kind === 'nxdomain' ? responseCode.NXDOMAIN : 0);
  putCounts(wire, answers, authority, 0);
  const answer: Answer = { kind, wire, ttlSeconds, authenticData: false, extendedErrors };
  return {
    kind: 'answer',
    answer,
    ageSeconds: 0,
    extendedErrors,
    layer,
    detail,
    authoritative: true,
  };
}

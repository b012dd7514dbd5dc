import { byteAt, uint16At } from '../base/bytes.ts';
import { responseCode } from '../dns/codes.ts';
import { flagResponse, headerLength, headerResponseCode, questionEnd } from '../dns/message.ts';
import { echoesQuestion, echoesQuestionFolded } from '../dns/question.ts';
import type { MismatchKind } from './observer.ts';

/**
 * Whether a message that came from where the question went is a response to it: id, QR, question,
 * and the case of its letters where that was mixed (RFC 5452 section 9.1). `sent` is the message as
 * it was sent.
 * @returns undefined if it is, else what is wrong with it
 */
export function mismatchOf(
  received: Buffer,
  sent: Buffer,
  isCaseMixed: boolean,
): MismatchKind | undefined {
  if (received.length < headerLength) return 'malformed';
  if (uint16At(received, 0) !== uint16At(sent, 0)) return 'wrong_id';
  if ((byteAt(received, 2) & flagResponse) === 0) return 'not_a_response';
  if (refusesWithoutQuestion(received)) return undefined;
  const end = questionEnd(received, received.length);
  if (end < 0) return 'malformed';
  const asked = sent.subarray(headerLength, questionEnd(sent, sent.length));
  if (echoesQuestion(received, asked)) return undefined;
  if (!echoesQuestionFolded(received, asked)) return 'wrong_question';
  return isCaseMixed ? 'wrong_case' : undefined;
}

/**
 * A server that cannot read a query may send back its header alone (RFC 1035 section 4.1.1). Such a
 * response can only say that the query was bad, so that the question is not missed.
 */
export function refusesWithoutQuestion(received: Buffer): boolean {
  const code = headerResponseCode(received);
  return (
    uint16At(received, 4) === 0 && (code === responseCode.FORMERR || code === responseCode.NOTIMP)
  );
}

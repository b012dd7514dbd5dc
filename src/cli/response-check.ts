import { byteAt, uint16At } from '../base/bytes.ts';
import { flagResponse, headerLength, questionEnd } from '../dns/message.ts';
import { echoesQuestionFolded } from '../dns/question.ts';

/** Whether a message is the response to a query: id, and question unless it was left out. */
export function answers(message: Buffer, query: Buffer): boolean {
  if (message.length < headerLength || uint16At(message, 0) !== uint16At(query, 0)) return false;
  if ((byteAt(message, 2) & flagResponse) === 0) return false;
  if (uint16At(message, 4) === 0) return true;
  return echoesQuestionFolded(
    message,
    query.subarray(headerLength, questionEnd(query, query.length)),
  );
}

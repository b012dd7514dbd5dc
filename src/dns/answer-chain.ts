import { uint16At } from '../base/bytes.ts';
import { classIn, recordType } from './codes.ts';
import { isAtOrBelow, sameName } from './name.ts';
import { targetOf } from './rdata.ts';
import type { Question } from './question.ts';
import type { ReceivedRecord } from './records.ts';

/** More aliases than any honest chain has; unbound stops at 11 restarts, BIND at 16. */
export const aliasesMax = 16;

/** The records of an answer section that answer the question. */
export interface AnswerChain {
  /** In the order of the chain. */
  readonly records: readonly ReceivedRecord[];
  /** The question's name and every alias target, the last being the name that was looked up. */
  readonly names: readonly Buffer[];
  /** Whether the last name has records of the type asked for. */
  readonly answered: boolean;
}

/** The type that an RRSIG covers, else the type of the record itself (RFC 4034 section 3.1.1). */
export function coveredType(message: Buffer, record: ReceivedRecord): number {
  const isSignature = record.type === recordType.RRSIG && record.rdataLength >= 2;
  return isSignature ? uint16At(message, record.rdataOffset) : record.type;
}

/** Collects the records of one owner that bear on the question. */
class ChainLink {
  readonly records: ReceivedRecord[] = [];
  answered = false;
  target: Buffer | undefined;

  add(message: Buffer, record: ReceivedRecord, name: Buffer, type: number): void {
    const covered = coveredType(message, record);
    if (covered === recordType.DNAME && name.length > record.owner.length) {
      if (isAtOrBelow(name, record.owner)) this.records.push(record);
      return;
    }
    if (!sameName(record.owner, name)) return;
    if (type === recordType.ANY || record.type === type || covered === type) {
      this.answered ||= type === recordType.ANY || record.type === type;
      this.records.push(record);
    } else if (covered === recordType.CNAME) {
      this.#addAlias(message, record);
    }
  }

  #addAlias(message: Buffer, record: ReceivedRecord): void {
    this.records.push(record);
    if (record.type === recordType.CNAME) this.target ??= targetOf(message, record);
  }
}

/**
 * Follows the aliases from the question's name through an answer section, whatever the order of
 * its records. Records that are not on the way are left out: they are not to be believed
 * (RFC 2181 section 5.4.1, RFC 5452 section 6).
 * @returns undefined when the chain loops or has more than {@link aliasesMax} aliases
 */
export function followChain(
  message: Buffer,
  section: readonly ReceivedRecord[],
  question: Question,
): AnswerChain | undefined {
  const names: Buffer[] = [question.name];
  const records: ReceivedRecord[] = [];
  const wanted = section.filter((record) => record.class === classIn);
  for (;;) {
    const name = names.at(-1) ?? question.name;
    const link = new ChainLink();
    for (const record of wanted) link.add(message, record, name, question.type);
    for (const record of link.records) if (!records.includes(record)) records.push(record);
    const { target } = link;
    if (link.answered || target === undefined) return { records, names, answered: link.answered };
    if (names.length > aliasesMax || names.some((known) => sameName(known, target))) {
      return undefined;
    }
    names.push(target);
  }
}

import { putUint16 } from '../base/bytes.ts';
import { classIn, recordType } from '../dns/codes.ts';
import { flagCheckingDisabled, flagRecursionDesired, headerLength } from '../dns/message.ts';
import { decodeKey, encodeKey, keyText, typeOfNxdomain } from '../dns/question.ts';
import type { Query } from './query.ts';

/** Who asks when nobody does: a query of our own has no client. */
const noClient = { host: '127.0.0.1', port: 0 } as const;

/**
 * A query for what a cache key stands for, asked by the cache itself or for a worker. An entry that holds for all
 * types of its name is asked for by A: any type would do.
 */
export function ownQuery(key: Buffer, purpose: Query['purpose'], receivedAtMs: number): Query {
  const { question: stored, flags } = decodeKey(Buffer.from(key));
  const type = stored.type === typeOfNxdomain ? recordType.A : stored.type;
  const question = { name: stored.name, type };
  const wire = Buffer.alloc(headerLength + question.name.length + 4);
  wire[2] = flagRecursionDesired;
  wire[3] = flags.checkingDisabled ? flagCheckingDisabled : 0;
  wire[5] = 1;
  question.name.copy(wire, headerLength);
  putUint16(wire, wire.length - 4, type);
  putUint16(wire, wire.length - 2, classIn);
  const ownKey = encodeKey(question, flags);
  return {
    wire,
    asked: wire.subarray(headerLength),
    question,
    flags,
    key: ownKey,
    keyText: keyText(ownKey),
    recursionDesired: true,
    wantsAuthenticData: flags.dnssecOk,
    edns: undefined,
    transport: 'udp',
    client: noClient,
    receivedAtMs,
    purpose,
  };
}

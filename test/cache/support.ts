import type { Answer } from '../../src/dns/answer.ts';
import { MessageWriter } from '../../src/dns/message-writer.ts';
import { parseSubnet } from '../../src/dns/client-subnet.ts';
import { flagRecursionAvailable, flagResponse, putCounts } from '../../src/dns/message.ts';
import { parseName } from '../../src/dns/name.ts';
import { encodeKey } from '../../src/dns/question.ts';

const plainFlags = { dnssecOk: false, checkingDisabled: false };

/** The key of a name and type without DO and CD, perhaps on behalf of a subnet. */
export function keyFor(name: string, type = 1, subnet?: string): Buffer {
  const flags =
    subnet === undefined ? plainFlags : { ...plainFlags, clientSubnet: parseSubnet(subnet) };
  return encodeKey({ name: parseName(name), type }, flags);
}

/** An answer as `sanitizeResponse` makes it: A records, all with the same TTL. */
export function answerFor(name: string, ttlSeconds: number, addresses = 1): Answer {
  const question = { name: parseName(name), type: 1 };
  const writer = new MessageWriter(question);
  for (let i = 0; i < addresses; i++) {
    const rdata = [{ octets: Buffer.from([192, 0, 2, i]) }];
    writer.record({ owner: question.name, type: 1, ttlSeconds, rdata });
  }
  return finished(writer, 'positive', ttlSeconds, addresses);
}

/** An NXDOMAIN without records: enough for the cache, which does not look inside. */
export function nxdomainFor(name: string, ttlSeconds: number): Answer {
  return finished(new MessageWriter({ name: parseName(name), type: 1 }), 'nxdomain', ttlSeconds, 0);
}

function finished(
  writer: MessageWriter,
  kind: Answer['kind'],
  ttlSeconds: number,
  answers: number,
): Answer {
  const wire = writer.finish();
  wire[2] = flagResponse;
  wire[3] = flagRecursionAvailable | (kind === 'nxdomain' ? 3 : 0);
  putCounts(wire, answers, 0, 0);
  return { kind, wire, ttlSeconds, authenticData: false, extendedErrors: [] };
}

import dnsPacket from 'dns-packet';
import type { Answer as PacketRecord } from 'dns-packet';
import { recordTypeNumber } from '../../src/dns/codes.ts';
import { parseName } from '../../src/dns/name.ts';
import type { Question } from '../../src/dns/question.ts';
import { sanitizeResponse } from '../../src/dns/sanitize.ts';
import type { Sanitized, SanitizeOptions } from '../../src/dns/sanitize.ts';

/** What of a response is not as an honest resolver does it. */
export interface ResponseParts {
  readonly name?: string;
  readonly type?: string;
  /** The header's flags and code. */
  readonly flags?: number;
  readonly answers?: readonly PacketRecord[];
  readonly authorities?: readonly PacketRecord[];
  readonly additionals?: readonly PacketRecord[];
}

export function record(
  name: string,
  type: string,
  ttlSeconds: number,
  data: unknown,
): PacketRecord {
  return { name, type, ttl: ttlSeconds, data } as unknown as PacketRecord;
}

export function encodeResponse(parts: ResponseParts): Buffer {
  const { name = 'www.example.com', type = 'A' } = parts;
  return dnsPacket.encode({
    type: 'response',
    flags: parts.flags ?? 0x8180,
    questions: [{ name, type, class: 'IN' } as dnsPacket.Question],
    answers: [...(parts.answers ?? [])],
    authorities: [...(parts.authorities ?? [])],
    additionals: [...(parts.additionals ?? [])],
  });
}

export function questionOf({ name = 'www.example.com', type = 'A' }: ResponseParts): Question {
  const number = recordTypeNumber(type.replace('UNKNOWN_', 'TYPE'));
  if (number === undefined) throw new TypeError(`${type} is no type`);
  return { name: parseName(name.toLowerCase()), type: number };
}

export const noLimits = {
  ttlMinSeconds: 0,
  ttlMaxSeconds: 0x7fff_ffff,
  negativeTtlMaxSeconds: 0x7fff_ffff,
};

export function sanitized(parts: ResponseParts, options: Partial<SanitizeOptions> = {}): Sanitized {
  return sanitizeResponse(encodeResponse(parts), questionOf(parts), {
    dnssecOk: false,
    trustAuthenticData: false,
    ttl: noLimits,
    ...options,
  });
}

/** The answer, decoded by dns-packet. */
export function decoded(result: Sanitized): dnsPacket.DecodedPacket {
  if (result.kind !== 'answer') throw new Error(`no answer: ${JSON.stringify(result)}`);
  return dnsPacket.decode(result.answer.wire);
}

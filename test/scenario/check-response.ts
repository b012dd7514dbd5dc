import dnsPacket from 'dns-packet';
import type { AskedQuestion } from './statements.ts';

/** What the resolver offers over UDP by default, and what a client without EDNS can take. */
const udpBytesMax = 1232;
const plainUdpBytesMax = 512;

/**
 * What holds for every response whatever a script says: the id and the question as asked, octet for
 * octet, QR, RA, RD and CD (RFC 1035 section 4.1.1), an OPT record if and only if there was one
 * (RFC 6891 section 6.1.1), no more octets than the client can take; another decoder reads it.
 * @returns what is wrong
 */
export function problemsOf(query: Buffer, question: AskedQuestion, wire: Buffer): string[] {
  const questionEnd = query.length - (question.ednsSize === undefined ? 0 : optLength(query));
  return [
    !wire.subarray(0, 2).equals(query.subarray(0, 2)) && 'another id',
    !wire.subarray(12, questionEnd).equals(query.subarray(12, questionEnd)) && 'another question',
    (wire.readUInt8(2) & 0x80) === 0 && 'no QR',
    (wire.readUInt8(3) & 0x80) === 0 && 'no RA',
    ((wire.readUInt8(2) & 0x01) !== 0) !== question.recursionDesired && 'another RD',
    ((wire.readUInt8(3) & 0x10) !== 0) !== question.checkingDisabled && 'another CD',
    wire.readUInt16BE(10) !== (question.ednsSize === undefined ? 0 : 1) && 'OPT out is not OPT in',
    question.transport === 'udp' && wire.length > sizeMax(question) && 'too long for the client',
    !isDecodable(wire) && 'what dns-packet cannot read',
  ].filter((what) => what !== false);
}

function isDecodable(wire: Buffer): boolean {
  try {
    dnsPacket.decode(wire);
    return true;
  } catch {
    return false;
  }
}

function sizeMax({ ednsSize }: AskedQuestion): number {
  return Math.min(Math.max(ednsSize ?? 0, plainUdpBytesMax), udpBytesMax);
}

/** The OPT record is the last thing in a query of ours, with an empty option or none. */
function optLength(query: Buffer): number {
  const withOption = 11 + 4;
  return query.readUInt16BE(query.length - withOption + 9) === 4 ? withOption : 11;
}

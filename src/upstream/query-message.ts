import { byteAt, putUint16 } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import type { ServerTransport } from '../base/server-address.ts';
import { encodeClientSubnet } from '../dns/client-subnet.ts';
import { classIn, ednsOption, recordType } from '../dns/codes.ts';
import { dnssecOkBit, encodeOptions, optFixedLength } from '../dns/edns.ts';
import {
  flagAuthenticData,
  flagCheckingDisabled,
  flagRecursionDesired,
  headerLength,
} from '../dns/message.ts';
import { paddingFor, withPadding } from '../dns/padding.ts';
import type { KeyFlags, Question } from '../dns/question.ts';

/** The block that encrypted queries are filled up to (RFC 8467 section 4.1). */
const queryPaddingBlock = 128;
/** "How long do you keep an idle connection?" (RFC 7828 section 3.2.1). */
const keepaliveAsked = { code: ednsOption.TCP_KEEPALIVE, data: Buffer.alloc(0) };

/** What a question to an upstream looks like. */
export interface QueryShape {
  readonly question: Question;
  readonly flags: KeyFlags;
  /** Ask for the AD bit (RFC 6840 section 5.7). */
  readonly authenticData: boolean;
  /** The UDP payload size announced; undefined: no OPT record. */
  readonly ednsBytes: number | undefined;
}

/**
 * The name with each letter in upper or lower case by chance: 0x20, draft-vixie-dnsext-dns0x20.
 * Length octets are below 64 and no letters.
 */
export function mixCase(name: Buffer, random: Random): Buffer {
  const mixed = Buffer.from(name);
  let bits = 0;
  let bitsLeft = 0;
  for (let i = 0; i < mixed.length; i++) {
    const octet = byteAt(mixed, i);
    if (octet < 0x61 || octet > 0x7a) continue;
    if (bitsLeft === 0) {
      bits = random.uint16();
      bitsLeft = 16;
    }
    if ((bits & 1) !== 0) mixed[i] = octet & ~0x20;
    bits >>>= 1;
    bitsLeft--;
  }
  return mixed;
}

/**
 * The octets of a query: RD set, its own id and case, and of the client's options none but the subnet
 * that the key of the question has; over a stream it asks how long that is kept, and what is
 * encrypted is padded.
 */
export function encodeQuery(
  id: number,
  name: Buffer,
  shape: QueryShape,
  transport: ServerTransport = 'udp',
): Buffer {
  const optStart = headerLength + name.length + 4;
  const options = encodeOptions(optionsOf(shape, transport));
  const optLength = shape.ednsBytes === undefined ? 0 : optFixedLength + options.length;
  const message = Buffer.alloc(optStart + optLength);
  putUint16(message, 0, id);
  message[2] = flagRecursionDesired;
  message[3] =
    (shape.flags.checkingDisabled ? flagCheckingDisabled : 0) |
    (shape.authenticData ? flagAuthenticData : 0);
  putUint16(message, 4, 1);
  name.copy(message, headerLength);
  putUint16(message, headerLength + name.length, shape.question.type);
  putUint16(message, headerLength + name.length + 2, classIn);
  if (shape.ednsBytes === undefined) return message;
  putUint16(message, 10, 1);
  putUint16(message, optStart + 1, recordType.OPT);
  putUint16(message, optStart + 3, shape.ednsBytes);
  if (shape.flags.dnssecOk) putUint16(message, optStart + 7, dnssecOkBit);
  putUint16(message, optStart + optFixedLength - 2, options.length);
  options.copy(message, optStart + optFixedLength);
  const isEncrypted = transport === 'tls' || transport === 'https';
  return isEncrypted ? padded(message, optStart) : message;
}

/** HTTP has its own ways to keep a connection. */
function optionsOf({ flags: { clientSubnet } }: QueryShape, transport: ServerTransport) {
  const subnet = clientSubnet === undefined ? [] : [encodeClientSubnet(clientSubnet)];
  return transport === 'tcp' || transport === 'tls' ? [...subnet, keepaliveAsked] : subnet;
}

function padded(message: Buffer, optStart: number): Buffer {
  const padding = paddingFor(message.length, queryPaddingBlock);
  return Buffer.concat([
    message.subarray(0, optStart),
    withPadding(message.subarray(optStart), padding),
  ]);
}

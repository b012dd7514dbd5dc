import type { ServerTransport } from '../../src/base/server-address.ts';
import dnsPacket from 'dns-packet';
import type { ExchangeFailure } from '../../src/base/errors.ts';
import type { Answer as PacketRecord, OptAnswer, PacketOpt } from 'dns-packet';

/** What one query looked like when it arrived at a scripted upstream. */
export interface ScriptedQuery {
  readonly transport: ServerTransport;
  /** Where it came from; the port tells sockets and connections apart. */
  readonly source: { readonly host: string; readonly port: number };
  readonly id: number;
  /** In the case received, without the final dot. */
  readonly name: string;
  /** For example `AAAA`. */
  readonly type: string;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  readonly authenticData: boolean;
  /** Undefined without an OPT record. */
  readonly edns:
    | {
        readonly udpSize: number;
        readonly dnssecOk: boolean;
        readonly options: readonly PacketOpt[];
      }
    | undefined;
  readonly wire: Buffer;
}

/**
 * One response, or what is sent in its place. Whatever is left out is as an honest server does it.
 */
export interface ScriptedReply {
  readonly answers?: readonly PacketRecord[];
  readonly authorities?: readonly PacketRecord[];
  readonly additionals?: readonly PacketRecord[];
  /** Number of the response code, 0 to 15; by default NOERROR. */
  readonly code?: number;
  /** Real milliseconds until it is sent. */
  readonly delayMs?: number;
  readonly authoritative?: boolean;
  /** RA; by default set. */
  readonly recursionAvailable?: boolean;
  readonly authenticData?: boolean;
  readonly truncated?: boolean;
  /** By default an OPT record comes back if there was one; false: never. Options: sent with it. */
  readonly edns?: false | readonly { readonly code: number; readonly data: Buffer }[];
  /** Added to the id, modulo 65,536. */
  readonly idOffset?: number;
  /** Asks something else than was asked. */
  readonly question?: { readonly name: string; readonly type: string };
  /** `flip`: every letter of the question in the other case; `lower`: as servers do that fold. */
  readonly nameCase?: 'flip' | 'lower';
  /** QDCOUNT 0, as some servers do on FORMERR. */
  readonly withoutQuestion?: boolean;
  /** QR = 0: comes back as a query. */
  readonly notAResponse?: boolean;
  /** UDP only: sent from a second socket, hence another port. */
  readonly fromOtherPort?: boolean;
  /** These octets in place of a message; with `keepId` the first two are the query's id. */
  readonly raw?: Buffer;
  readonly keepId?: boolean;
  /** TCP only: send this many octets of the framed message, then… */
  readonly firstOctets?: number;
  /** …the rest after so many milliseconds; never, when left out. */
  readonly restDelayMs?: number;
  /** Without sockets only: the exchange fails with this instead. */
  readonly broken?: ExchangeFailure;
  /** TCP only: close the connection after it. */
  readonly close?: boolean;
}

/** What to do with a query: one reply, several, or none. */
export type Script = (
  query: ScriptedQuery,
) => ScriptedReply | readonly ScriptedReply[] | undefined | Promise<ScriptedReply | undefined>;

const headerLength = 12;

/** Reads a query; a name or option that dns-packet cannot read throws, as a test should. */
export function readScriptedQuery(
  wire: Buffer,
  transport: ServerTransport,
  source: { readonly host: string; readonly port: number },
): ScriptedQuery {
  const packet = dnsPacket.decode(wire);
  const [question] = packet.questions ?? [];
  const opt = packet.additionals?.find((record): record is OptAnswer => record.type === 'OPT');
  const flags = wire.readUInt16BE(2);
  return {
    transport,
    source,
    id: wire.readUInt16BE(0),
    name: question?.name === '.' ? '' : (question?.name ?? ''),
    type: question?.type ?? '',
    recursionDesired: (flags & 0x0100) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    edns: opt && {
      udpSize: opt.udpPayloadSize,
      dnssecOk: opt.flag_do,
      options: opt.options,
    },
    wire,
  };
}

/** The octets of a reply. */
export function encodeScriptedReply(query: ScriptedQuery, reply: ScriptedReply): Buffer {
  if (reply.raw !== undefined) return rawReply(query, reply.raw, reply.keepId === true);
  const records = dnsPacket.encode({
    type: reply.notAResponse === true ? 'query' : 'response',
    id: (query.id + (reply.idOffset ?? 0)) & 0xffff,
    flags: headerFlags(query, reply),
    answers: [...(reply.answers ?? [])],
    authorities: [...(reply.authorities ?? [])],
    additionals: [...(reply.additionals ?? []), ...optOf(query, reply)],
  });
  if (reply.withoutQuestion === true) return records;
  // dns-packet writes names uncompressed, so the question can be put between header and records.
  const question = questionOctets(query, reply);
  const message = Buffer.concat([
    records.subarray(0, headerLength),
    question,
    records.subarray(headerLength),
  ]);
  message.writeUInt16BE(1, 4);
  return message;
}

function rawReply(query: ScriptedQuery, raw: Buffer, keepId: boolean): Buffer {
  const octets = Buffer.from(raw);
  if (keepId) octets.writeUInt16BE(query.id, 0);
  return octets;
}

function headerFlags(query: ScriptedQuery, reply: ScriptedReply): number {
  return (
    (reply.authoritative === true ? 0x0400 : 0) |
    (reply.truncated === true ? 0x0200 : 0) |
    (query.recursionDesired ? 0x0100 : 0) |
    (reply.recursionAvailable === false ? 0 : 0x0080) |
    (reply.authenticData === true ? 0x0020 : 0) |
    (query.checkingDisabled ? 0x0010 : 0) |
    (reply.code ?? 0)
  );
}

function optOf(query: ScriptedQuery, reply: ScriptedReply): PacketRecord[] {
  if (reply.edns === false || (query.edns === undefined && reply.edns === undefined)) return [];
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1232,
    flags: query.edns?.dnssecOk === true ? dnsPacket.DNSSEC_OK : 0,
    options: [...(reply.edns ?? [])],
  };
  // The published types ask for fields of an OPT record that are only filled in when decoding.
  return [opt as unknown as PacketRecord];
}

function questionOctets(query: ScriptedQuery, reply: ScriptedReply): Buffer {
  const asked = query.wire.subarray(headerLength, headerLength + questionLength(query.wire));
  if (reply.question !== undefined) {
    const other = dnsPacket.encode({
      questions: [{ name: reply.question.name, type: reply.question.type as 'A', class: 'IN' }],
    });
    return other.subarray(headerLength);
  }
  if (reply.nameCase === undefined) return asked;
  const changed = Buffer.from(asked);
  for (let i = 0; i < changed.length - 4; i++) changed[i] = recased(changed[i] ?? 0, reply);
  return changed;
}

function recased(octet: number, reply: ScriptedReply): number {
  const isUpper = octet >= 0x41 && octet <= 0x5a;
  const isLower = octet >= 0x61 && octet <= 0x7a;
  if (isUpper) return octet | 0x20;
  return isLower && reply.nameCase === 'flip' ? octet & ~0x20 : octet;
}

function questionLength(wire: Buffer): number {
  let at = headerLength;
  while (wire.readUInt8(at) !== 0) at += wire.readUInt8(at) + 1;
  return at + 5 - headerLength;
}

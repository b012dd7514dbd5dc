import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import type { SocketAddress } from '../base/address.ts';

/** What passed by: values of `Message.Type` in dnstap.proto. */
export const tapKind = {
  clientQuery: 5,
  clientResponse: 6,
  forwarderQuery: 7,
  forwarderResponse: 8,
} as const;

export type TapKind = (typeof tapKind)[keyof typeof tapKind];

/** Values of `SocketProtocol`. */
const protocols = { udp: 1, tcp: 2, tls: 3, https: 4 } as const;

/** A message as it went by. */
export interface TappedMessage {
  readonly kind: TapKind;
  readonly transport: keyof typeof protocols;
  /** Who asked; not known of our own questions. */
  readonly asking: SocketAddress | undefined;
  /** Who is asked; not known of questions to a wildcard address. */
  readonly asked: SocketAddress | undefined;
  /** Unix time of the query in milliseconds. */
  readonly askedAtMs: number;
  /** That of the response; undefined for a query. */
  readonly answeredAtMs: number | undefined;
  /** The octets of the query, or of the response. */
  readonly octets: Uint8Array;
}

/** Field numbers of `Dnstap` and of `Message` in dnstap.proto. */
const outer = { identity: 1, version: 2, message: 14, type: 15 } as const;
const inner = {
  type: 1,
  family: 2,
  protocol: 3,
  askingAddress: 4,
  askedAddress: 5,
  askingPort: 6,
  askedPort: 7,
  askedSeconds: 8,
  askedNanoseconds: 9,
  query: 10,
  answeredSeconds: 12,
  answeredNanoseconds: 13,
  response: 14,
} as const;

/** `Dnstap.Type`: there is no other. */
const typeMessage = 1;
/** `SocketFamily` by the octets of an address. */
const families = new Map([
  [4, 1],
  [16, 2],
]);

/** Wire types of protocol buffers. */
const varint = 0;
const lengthDelimited = 2;
const fixed32 = 5;

/** Encodes what passed by as one `Dnstap` of dnstap.proto, in protocol buffers. */
export function encodeTapped(message: TappedMessage, identity: Buffer, version: Buffer): Buffer {
  return Buffer.concat([
    octetsField(outer.identity, identity),
    octetsField(outer.version, version),
    octetsField(outer.message, encodeMessage(message)),
    numberField(outer.type, typeMessage),
  ]);
}

function encodeMessage(message: TappedMessage): Buffer {
  const { kind, transport, asking, asked, askedAtMs, answeredAtMs, octets } = message;
  const [askingOctets, askedOctets] = [octetsOf(asking), octetsOf(asked)];
  const family = families.get((askingOctets ?? askedOctets ?? []).length);
  const parts = [numberField(inner.type, kind)];
  if (family !== undefined) parts.push(numberField(inner.family, family));
  parts.push(numberField(inner.protocol, protocols[transport]));
  if (askingOctets !== undefined) parts.push(octetsField(inner.askingAddress, askingOctets));
  if (askedOctets !== undefined) parts.push(octetsField(inner.askedAddress, askedOctets));
  if (asking !== undefined) parts.push(numberField(inner.askingPort, asking.port));
  if (asked !== undefined) parts.push(numberField(inner.askedPort, asked.port));
  parts.push(...timeFields(inner.askedSeconds, inner.askedNanoseconds, askedAtMs));
  if (answeredAtMs === undefined) {
    parts.push(octetsField(inner.query, octets));
  } else {
    parts.push(...timeFields(inner.answeredSeconds, inner.answeredNanoseconds, answeredAtMs));
    parts.push(octetsField(inner.response, octets));
  }
  return Buffer.concat(parts);
}

function octetsOf(address: SocketAddress | undefined): Uint8Array | undefined {
  if (address === undefined) return undefined;
  const octets = new Uint8Array(addressLengthMax);
  const length = writeAddress(address.host, octets);
  return length === 0 ? undefined : octets.subarray(0, length);
}

function timeFields(secondsField: number, nanosecondsField: number, timeMs: number): Buffer[] {
  const seconds = Math.floor(timeMs / 1000);
  const nanoseconds = Buffer.alloc(4);
  nanoseconds.writeUInt32LE(Math.floor((timeMs - seconds * 1000) * 1_000_000));
  return [
    numberField(secondsField, seconds),
    Buffer.concat([tag(nanosecondsField, fixed32), nanoseconds]),
  ];
}

function numberField(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, varint), encodeNumber(value)]);
}

function octetsField(field: number, octets: Uint8Array): Buffer {
  return Buffer.concat([tag(field, lengthDelimited), encodeNumber(octets.length), octets]);
}

function tag(field: number, wireType: number): Buffer {
  return encodeNumber(field * 8 + wireType);
}

/** Seven bits an octet, the lowest first; all but the last have the highest bit set. */
function encodeNumber(value: number): Buffer {
  const octets: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) octets.push((rest % 0x80) + 0x80);
  octets.push(rest);
  return Buffer.from(octets);
}

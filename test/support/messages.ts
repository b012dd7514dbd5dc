import dnsPacket from 'dns-packet';

/** What a query says; what is left out is as a stub resolver does it: RD, class IN, no EDNS. */
export interface QueryParts {
  readonly name: string;
  /** A number, or one of {@link types}; by default A. */
  readonly type?: number | keyof typeof types;
  readonly class?: number;
  readonly id?: number;
  readonly opcode?: number;
  readonly recursionDesired?: boolean;
  readonly authenticData?: boolean;
  readonly checkingDisabled?: boolean;
  readonly edns?: EdnsParts;
}

export interface EdnsParts {
  readonly size?: number;
  readonly version?: number;
  readonly dnssecOk?: boolean;
  readonly options?: readonly { readonly code: number; readonly data?: Buffer | string }[];
}

export const types = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  SVCB: 64,
  HTTPS: 65,
  NXNAME: 128,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  ANY: 255,
} as const;

export const headerLength = 12;

/** A name as it goes over the wire, in the case given; a label may hold any octet but the dot. */
export function wireName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  const parts = labels.flatMap((label) => [
    Buffer.from([label.length]),
    Buffer.from(label, 'latin1'),
  ]);
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function uint16(...values: readonly number[]): Buffer {
  const octets = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => octets.writeUInt16BE(value, index * 2));
  return octets;
}

/** An OPT record (RFC 6891 section 6.1.2). */
export function optRecord(edns: EdnsParts): Buffer {
  const options = (edns.options ?? []).map(({ code, data }) => {
    const octets = Buffer.from(data ?? '');
    return Buffer.concat([uint16(code, octets.length), octets]);
  });
  const rdata = Buffer.concat(options);
  const flags = edns.dnssecOk === true ? 0x8000 : 0;
  return Buffer.concat([
    Buffer.from([0]),
    uint16(types.OPT, edns.size ?? 1232, edns.version ?? 0, flags, rdata.length),
    rdata,
  ]);
}

/** The octets of a question. */
export function questionOctets({ name, type = 'A', class: queryClass = 1 }: QueryParts): Buffer {
  const number = typeof type === 'number' ? type : types[type];
  return Buffer.concat([wireName(name), uint16(number, queryClass)]);
}

/** The octets of a query. */
export function encodeQuery(parts: QueryParts): Buffer {
  const { id = 0x1234, opcode = 0, edns, recursionDesired = true } = parts;
  const flags =
    (opcode << 11) |
    (recursionDesired ? 0x0100 : 0) |
    (parts.authenticData === true ? 0x20 : 0) |
    (parts.checkingDisabled === true ? 0x10 : 0);
  return Buffer.concat([
    uint16(id, flags, 1, 0, 0, edns === undefined ? 0 : 1),
    questionOctets(parts),
    edns === undefined ? Buffer.alloc(0) : optRecord(edns),
  ]);
}

/** The same message with another id. */
export function withId(wire: Buffer, id: number): Buffer {
  const copy = Buffer.from(wire);
  copy.writeUInt16BE(id, 0);
  return copy;
}

export interface ReadOption {
  readonly code: number;
  readonly data: Buffer;
}

/** A response as tests look at it. */
export interface ReadMessage {
  readonly wire: Buffer;
  readonly id: number;
  /** The flags that are set, in the order of their bits: for example `qr rd ra`. */
  readonly flags: string;
  /** With the upper bits of the OPT record. */
  readonly code: number;
  /** Name in the case sent, type and class; undefined without a question. */
  readonly question: string | undefined;
  /** Each as `name ttl type data`. */
  readonly answers: readonly string[];
  readonly authorities: readonly string[];
  /** But for the OPT record. */
  readonly additionals: readonly string[];
  readonly opt:
    { readonly size: number; readonly version: number; readonly dnssecOk: boolean } | undefined;
  readonly options: readonly ReadOption[];
  /** Each as `code text`. */
  readonly extendedErrors: readonly string[];
}

const flagBits: readonly (readonly [number, string])[] = [
  [0x8000, 'qr'],
  [0x0400, 'aa'],
  [0x0200, 'tc'],
  [0x0100, 'rd'],
  [0x0080, 'ra'],
  [0x0040, 'z'],
  [0x0020, 'ad'],
  [0x0010, 'cd'],
];

/** Reads a response with a decoder that is not ours. */
export function readMessage(wire: Buffer): ReadMessage {
  const packet = dnsPacket.decode(wire);
  const opt = packet.additionals?.find((record) => record.type === 'OPT');
  const flags = wire.readUInt16BE(2);
  const [question] = packet.questions ?? [];
  const options = (opt?.options ?? []).map((option) => ({
    code: option.code as number,
    data:
      'data' in option && option.data instanceof Uint8Array
        ? Buffer.from(option.data)
        : Buffer.alloc(0),
  }));
  return {
    wire,
    id: wire.readUInt16BE(0),
    flags: flagBits.flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : [name])).join(' '),
    code: (flags & 0x0f) | ((opt?.extendedRcode ?? 0) << 4),
    question: question && `${question.name} ${question.type} ${question.class ?? ''}`,
    answers: (packet.answers ?? []).map(recordText),
    authorities: (packet.authorities ?? []).map(recordText),
    additionals: (packet.additionals ?? []).filter(({ type }) => type !== 'OPT').map(recordText),
    opt: opt && { size: opt.udpPayloadSize, version: opt.ednsVersion, dnssecOk: opt.flag_do },
    options,
    extendedErrors: options
      .filter(({ code }) => code === 15)
      .map(({ data }) => `${String(data.readUInt16BE(0))} ${data.toString('utf8', 2)}`.trim()),
  };
}

function recordText(record: dnsPacket.Answer): string {
  const { name, type } = record;
  const ttl = 'ttl' in record ? String(record.ttl) : '';
  const data = 'data' in record ? record.data : '';
  return `${name} ${ttl} ${type} ${dataText(data)}`;
}

function dataText(data: unknown): string {
  if (typeof data === 'string') return data;
  if (Array.isArray(data)) return data.map((part) => String(part)).join(' ');
  return data instanceof Uint8Array ? Buffer.from(data).toString('hex') : JSON.stringify(data);
}

/** A record of any type and class whose owner is the question's name, by pointer. */
export interface RawRecord {
  readonly type: number;
  readonly class?: number;
  readonly ttl?: number;
  readonly rdata: Buffer;
}

/** A response to a query, octet by octet: for what `dns-packet` cannot write. */
export function rawResponse(query: Buffer, records: readonly RawRecord[]): Buffer {
  let end = headerLength;
  while (query.readUInt8(end) !== 0) end += query.readUInt8(end) + 1;
  const head = Buffer.from(query.subarray(0, end + 5));
  head.writeUInt16BE(0x8180, 2);
  [1, records.length, 0, 0].forEach((count, index) => head.writeUInt16BE(count, 4 + index * 2));
  return Buffer.concat([head, ...records.map(rawRecord)]);
}

function rawRecord({ type, class: recordClass = 1, ttl = 300, rdata }: RawRecord): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0xc000 | headerLength, 0);
  fixed.writeUInt16BE(type, 2);
  fixed.writeUInt16BE(recordClass, 4);
  fixed.writeUInt32BE(ttl, 6);
  fixed.writeUInt16BE(rdata.length, 10);
  return Buffer.concat([fixed, rdata]);
}

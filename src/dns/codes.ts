/** Numbers of the DNS registries that Heimdall acts upon; everything else passes as it is. */

/** Record types (RFC 1035 section 3.2.2 and the IANA registry). */
export const recordType = {
  A: 1,
  NS: 2,
  MD: 3,
  MF: 4,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  RP: 17,
  AFSDB: 18,
  RT: 21,
  PX: 26,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  KX: 36,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  NSEC3: 50,
  SVCB: 64,
  HTTPS: 65,
  NXNAME: 128,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
} as const;

/** The Internet class; no other is served. */
export const classIn = 1;

/** Response codes, the extended ones of RFC 6891 included. */
export const responseCode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
  BADCOOKIE: 23,
} as const;

/** The name of a response code, `RCODE17` where it has none here. */
export function responseCodeName(code: number): string {
  for (const [name, value] of Object.entries(responseCode)) if (value === code) return name;
  return `RCODE${String(code)}`;
}

/** The most frequent types by name, for logs and keys; `TYPE65280` for any other (RFC 3597). */
export function recordTypeName(type: number): string {
  return typeNames.get(type) ?? `TYPE${String(type)}`;
}

const typeNames = new Map<number, string>([
  ...Object.entries(recordType).map(([name, value]): [number, string] => [value, name]),
  [16, 'TXT'],
  [48, 'DNSKEY'],
  [51, 'NSEC3PARAM'],
  [52, 'TLSA'],
  [44, 'SSHFP'],
  [61, 'OPENPGPKEY'],
  [99, 'SPF'],
  [256, 'URI'],
  [257, 'CAA'],
]);

const typeNumbers = new Map([...typeNames].map(([value, name]) => [name, value]));

/** The number of a type given by name in any case, or as `TYPE123` or `123`; undefined if none. */
export function recordTypeNumber(text: string): number | undefined {
  const known = typeNumbers.get(text.toUpperCase());
  if (known !== undefined) return known;
  const digits = /^(?:TYPE)?(\d{1,5})$/i.exec(text)?.[1];
  const value = digits === undefined ? Number.NaN : Number(digits);
  return value <= 0xffff ? value : undefined;
}

/** EDNS options (RFC 6891 registry) that Heimdall reads or writes. */
export const ednsOption = {
  CLIENT_SUBNET: 8,
  COOKIE: 10,
  TCP_KEEPALIVE: 11,
  PADDING: 12,
  EXTENDED_ERROR: 15,
  /**
   * Heimdall's own, from the range for local use: a client that sends it empty is told in ASCII
   * which layer answered, for example `l1`.
   */
  HEIMDALL_LAYER: 65_310,
} as const;

/** Extended errors (RFC 8914 section 4 and the IANA registry). */
export const extendedErrorCode = {
  OTHER: 0,
  STALE_ANSWER: 3,
  FORGED_ANSWER: 4,
  CACHED_ERROR: 13,
  NOT_READY: 14,
  BLOCKED: 15,
  CENSORED: 16,
  FILTERED: 17,
  PROHIBITED: 18,
  STALE_NXDOMAIN_ANSWER: 19,
  NOT_AUTHORITATIVE: 20,
  NOT_SUPPORTED: 21,
  NO_REACHABLE_AUTHORITY: 22,
  NETWORK_ERROR: 23,
  INVALID_DATA: 24,
  SYNTHESIZED: 29,
  INVALID_QUERY_TYPE: 30,
} as const;

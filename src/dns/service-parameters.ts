import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import { MalformedRecord } from '../base/errors.ts';
import { octetsOf } from './record-words.ts';

/** RFC 9460 section 14.3.2, RFC 9461 section 5. */
const parameterKeys = [
  'mandatory',
  'alpn',
  'no-default-alpn',
  'port',
  'ipv4hint',
  'ech',
  'ipv6hint',
  'dohpath',
] as const;

/**
 * The parameters of an SVCB or HTTPS record in the order of their numbers (RFC 9460 section 2.2),
 * from words such as `alpn=h2,h3`, `ipv4hint=192.0.2.1`, `key667=text`.
 * @throws {MalformedRecord}
 */
export function serviceParameters(words: readonly string[]): Buffer {
  const found = new Map<number, Buffer>();
  for (const word of words) {
    const [, name = '', value] = /^([a-z0-9-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const key = keyNumber(name);
    if (key === undefined || found.has(key)) {
      throw new MalformedRecord(`"${word}" is no parameter of a service`);
    }
    found.set(key, parameterValue(key, unquoted(value ?? '')));
  }
  const parts = [...found].sort(([one], [other]) => one - other);
  return Buffer.concat(
    parts.flatMap(([key, value]) => [twoOctets(key), twoOctets(value.length), value]),
  );
}

function keyNumber(name: string): number | undefined {
  const known = parameterKeys.findIndex((key) => key === name);
  if (known >= 0) return known;
  const digits = /^key(\d{1,5})$/.exec(name)?.[1];
  return digits !== undefined && Number(digits) < 0xffff ? Number(digits) : undefined;
}

function unquoted(value: string): string {
  return /^"(.*)"$/s.exec(value)?.[1] ?? value;
}

function parameterValue(key: number, value: string): Buffer {
  switch (parameterKeys[key]) {
    case 'mandatory':
      return mandatoryKeys(value);
    case 'alpn':
      return Buffer.concat(value.split(',').map(protocolId));
    case 'no-default-alpn':
      return Buffer.alloc(0);
    case 'port':
      return twoOctets(Number(value));
    case 'ipv4hint':
      return hints(value, 4);
    case 'ipv6hint':
      return hints(value, 16);
    case 'ech':
      return Buffer.from(value, 'base64');
    default:
      return octetsOf(value);
  }
}

function mandatoryKeys(value: string): Buffer {
  const keys = value.split(',').map((name) => keyNumber(name) ?? Number.NaN);
  return Buffer.concat(keys.sort((one, other) => one - other).map(twoOctets));
}

function protocolId(text: string): Buffer {
  const octets = octetsOf(text);
  if (octets.length === 0 || octets.length > 0xff) {
    throw new MalformedRecord(`"${text}" is no protocol`);
  }
  return Buffer.concat([Buffer.from([octets.length]), octets]);
}

function hints(value: string, length: 4 | 16): Buffer {
  return Buffer.concat(
    value.split(',').map((text) => {
      const octets = Buffer.alloc(addressLengthMax);
      if (writeAddress(text, octets) !== length) {
        throw new MalformedRecord(`"${text}" is no address of ${String(length)} octets`);
      }
      return octets.subarray(0, length);
    }),
  );
}

function twoOctets(value: number): Buffer {
  if (!(value >= 0 && value <= 0xffff))
    throw new MalformedRecord(`${String(value)} is no port or key`);
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value);
  return octets;
}

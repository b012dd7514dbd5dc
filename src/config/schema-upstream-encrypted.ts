import { z } from 'zod';
import { MalformedAddress } from '../base/errors.ts';
import {
  canonicalHost,
  formatServer,
  isHostName,
  parseAddress,
  parseServer,
} from '../base/server-address.ts';
import { integer, parsedText } from './values.ts';

/** `sha256/` and 32 octets in base64. */
const pinPattern = /^sha256\/[A-Za-z0-9+/]{43}=$/;

const bootstrapServer = parsedText(
  'the address of a server such as "9.9.9.9" or "tcp://[2620:fe::fe]:53"; or "system"',
  (text) => {
    if (text === 'system') return text;
    const server = parseServer(text);
    if (isHostName(server) || server.identity !== undefined) {
      throw new MalformedAddress(`"${text}" is no address that is asked in plain`);
    }
    return formatServer(server);
  },
);

const address = parsedText('an IP address', parseAddress);

const host = z.strictObject({
  name: parsedText('a host name or an IP address', (text) =>
    canonicalHost(text.toLowerCase()),
  ).meta({
    description: 'The name (or the address) that the certificate is for, as upstreams give it.',
  }),
  addresses: z.array(address).max(16).prefault([]).meta({
    description: 'Its addresses, so that no bootstrap server is asked for them.',
  }),
  pins: z
    .array(z.string().regex(pinPattern).meta({ 'x-allowed': 'sha256/ and a digest in base64' }))
    .max(16)
    .default([])
    .meta({
      description:
        'Digests of public keys (SPKI): the certificate has to have one of them, and need prove nothing else.',
    }),
  caFile: z.string().min(1).exactOptional().meta({
    description: 'Certificates in PEM that are trusted for this host, instead of the public ones.',
    'x-allowed': 'the path of a file',
  }),
});

export const bootstrap = z.array(bootstrapServer).prefault([]).meta({
  description:
    'Who is asked for the addresses of upstreams given by name, one after the other; "system" is the lookup of the system.',
});

export const hosts = z.array(host).prefault([]).meta({
  description: 'Addresses, pins and authorities of hosts that upstreams name (docs/upstreams.md).',
});

export const encrypted = z.strictObject({
  connectionsMax: integer('TLS connections kept to one upstream (DoT and DoH).', {
    min: 1,
    max: 1000,
    fallback: 2,
  }),
  idleTimeoutMs: integer(
    'An encrypted connection without a query is closed after this time, unless the server tells another one.',
    { min: 1, max: 3_600_000, fallback: 30_000 },
  ),
  queriesPerConnectionMax: integer('Queries in flight on one encrypted connection.', {
    min: 1,
    max: 65_535, // the message id is all that tells them apart over TLS (RFC 7766 section 7)
    fallback: 200,
  }),
});

import { z } from 'zod';
import { integer } from './values.ts';

/** Whom upstreams are told that answers are for (RFC 7871). */
export const clientSubnetSchema = z.strictObject({
  policy: z.enum(['remove', 'forward', 'add']).default('remove').meta({
    description:
      'What upstreams are told of the subnet of a client (RFC 7871): nothing, what the client says of itself, or else a part of its address too.',
  }),
  ipv4Bits: integer('Bits of an IPv4 address that upstreams are told at most.', {
    min: 1,
    max: 32,
    fallback: 24, // RFC 7871 section 11.1
  }),
  ipv6Bits: integer('The same of an IPv6 address.', {
    min: 1,
    max: 128,
    fallback: 56, // RFC 7871 section 11.1
  }),
});

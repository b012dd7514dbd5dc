import { z } from 'zod';
import { ipAddress } from './values.ts';

function port(description: string) {
  return z.int().min(1).max(65_535).exactOptional().meta({ description });
}

/** What clients in the clear are told of the encrypted listeners (RFC 9462). */
export const designatedSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*\.?$/)
    .exactOptional()
    .meta({
      description:
        'The name that the certificate has. With it clients that ask for `_dns.resolver.arpa` are told where DNS over TLS and HTTPS is served (RFC 9462); without it that nothing is.',
      'x-allowed': 'a host name',
    }),
  tlsPort: port(
    'The port of DNS over TLS as clients reach it; that of `listen.tls` where left out.',
  ),
  httpsPort: port(
    'The port of DNS over HTTPS as clients reach it; that of `listen.https` where left out, 443 behind an ingress.',
  ),
  addresses: z.array(ipAddress).prefault([]).meta({
    description: 'Addresses of the name, so that clients need not ask for them.',
  }),
});

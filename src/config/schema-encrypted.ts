import { z } from 'zod';
import { formatAddress, parseSocketAddress } from '../base/address.ts';
import { flag, integer, parsedText } from './values.ts';

/** Not 853 and 443, which need a privilege; the container and the Service map them. */
const tlsPortDefault = 1853;
const httpsPortDefault = 1443;

function addresses(description: string, defaultPort: number) {
  const example = `"0.0.0.0:${String(defaultPort)}"`;
  const address = parsedText(`an IP address with a port, such as ${example}`, (text) =>
    formatAddress(parseSocketAddress(text, defaultPort)),
  );
  return z.array(address).prefault([]).meta({ description });
}

const file = (description: string, allowed: string) =>
  z.string().min(1).exactOptional().meta({ description, 'x-allowed': allowed });

/** Certificate and key of the listeners that encrypt. */
export const certificateSchema = z.strictObject({
  file: file(
    'Certificate for TLS and HTTPS, with those that lead to its root.',
    'the path of a PEM file',
  ),
  keyFile: file('Its private key.', 'the path of a PEM file'),
  reloadIntervalMs: integer('How often the files are looked at for changes; 0 is never.', {
    min: 0,
    max: 86_400_000,
    fallback: 10_000,
  }),
});

/** DNS over TLS (RFC 7858). */
export const listenTlsSchema = z.strictObject({
  addresses: addresses('Where DNS over TLS is served; nowhere by default.', tlsPortDefault),
});

/** DNS over HTTPS (RFC 8484). */
export const listenHttpsSchema = z.strictObject({
  addresses: addresses('Where DNS over HTTPS is served; nowhere by default.', httpsPortDefault),
  path: z
    .string()
    .regex(/^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/)
    .default('/dns-query')
    .meta({ description: 'Its path.', 'x-allowed': 'a path that begins with "/"' }),
  plain: flag('Serve HTTP/1.1 in the clear, for an ingress that ends TLS.', false),
});

import { z } from 'zod';
import { MalformedAddress } from '../base/errors.ts';
import { parseNetwork } from '../base/network.ts';
import { parseSuffix } from './addresses.ts';
import { flag, integer, ipAddress, parsedText } from './values.ts';

const domain = parsedText('a domain name, such as "nas.example"', parseSuffix);

/** The switches of RFC 6761, 6303, 7686, 6762, 8375 and 9462. */
const specialNames = z.strictObject({
  localhost: flag('Answer localhost with the loopback addresses (RFC 6761).', true),
  invalid: flag('Answer .invalid with NXDOMAIN (RFC 6761).', true),
  test: flag('Answer .test with NXDOMAIN (RFC 6761).', true),
  onion: flag('Answer .onion with NXDOMAIN (RFC 7686).', true),
  local: flag('Answer .local with NXDOMAIN (RFC 6762).', true),
  homeArpa: flag('Answer home.arpa as an empty zone (RFC 8375).', true),
  privateReverse: flag('Answer reverse zones of private addresses as empty (RFC 6303).', true),
  resolverArpa: flag('Answer resolver.arpa here instead of upstream (RFC 9462).', true),
});

const dns64 = z.strictObject({
  enabled: flag('Give names without IPv6 addresses those of a NAT64 (RFC 6147).', false),
  prefix: parsedText('an IPv6 network of 32, 40, 48, 56, 64 or 96 bits', (text) => {
    const { octets, prefixLength } = parseNetwork(text);
    if (octets.length !== 16 || ![32, 40, 48, 56, 64, 96].includes(prefixLength)) {
      throw new MalformedAddress(`"${text}" is no prefix of RFC 6052`);
    }
    return text.toLowerCase();
  })
    .prefault('64:ff9b::/96')
    .meta({ description: 'The prefix of the NAT64 (RFC 6052).' }),
});

const rewrite = z.strictObject({
  name: domain.meta({ description: 'The name that is asked for.' }),
  match: z.enum(['exact', 'suffix']).default('exact').meta({
    description: 'This name alone, or all names below it as well.',
  }),
  to: domain.exactOptional().meta({
    description: 'The name that it stands for; what stands in front of a suffix stays in front.',
  }),
  addresses: z.array(ipAddress).prefault([]).meta({
    description: 'The addresses that it has, where it stands for no other name.',
  }),
});

/** What is answered without asking anybody. */
export const localSchema = z.strictObject({
  records: z.array(z.string().min(1).max(4096)).max(10_000).prefault([]).meta({
    description:
      'Records in presentation form: name, TTL where it matters, type, data; the name has these alone. Generic data (RFC 3597) is for other types.',
  }),
  hostsFiles: z.array(z.string().min(1)).max(64).prefault([]).meta({
    description:
      'Files of addresses with their names, as hosts(5) has them; answered in reverse too.',
  }),
  rewrites: z.array(rewrite).max(1000).prefault([]).meta({
    description: 'Names that stand for other names, or for addresses.',
  }),
  ttlSeconds: integer('How long clients may keep what is said here, where no record says it.', {
    min: 0,
    max: 604_800,
    fallback: 300,
  }),
  reloadIntervalMs: integer('How often the hosts files are looked at for changes; 0 is never.', {
    min: 0,
    max: 86_400_000,
    fallback: 30_000,
  }),
  dns64: dns64.prefault({}),
  specialNames: specialNames.prefault({}),
  fullNamesOnly: flag(
    'Say of names of one label that they have no addresses, instead of asking upstreams; but for those with records or a route here.',
    false,
  ),
  minimalAny: flag('Answer queries for ANY with a minimal answer (RFC 8482).', true),
});

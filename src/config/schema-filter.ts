import { z } from 'zod';
import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import { MalformedAddress } from '../base/errors.ts';
import { parseSuffix } from './addresses.ts';
import { flag, integer, network, parsedText, size } from './values.ts';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/)
  .meta({ 'x-allowed': 'lower-case letters, digits, "-" and "_", at most 63' });

const clientNetwork = network('an IP address or a network, such as "10.0.0.0/8"');

const address = parsedText('an IP address', (text) => {
  const length = text.includes('%') ? 0 : writeAddress(text, new Uint8Array(addressLengthMax));
  if (length === 0) throw new MalformedAddress(`"${text}" is no IP address`);
  return text;
});

const url = parsedText('an http or https URL without a password', (text) => {
  const { protocol, username, password, hostname } = new URL(text);
  const isPlain = ['http:', 'https:'].includes(protocol) && username === '' && password === '';
  if (!isPlain || hostname === '') throw new MalformedAddress(`"${text}" is no such URL`);
  return text;
});

const list = z.strictObject({
  name: name.meta({ description: 'What metrics, logs and groups call it.' }),
  files: z.array(z.string().min(1)).prefault([]).meta({
    description: 'The files that make the list, beside its URLs.',
  }),
  urls: z.array(url).max(32).prefault([]).meta({
    description: 'Where parts of the list are fetched from; the last good copy of each is kept.',
  }),
  format: z.enum(['auto', 'hosts', 'domains', 'wildcard', 'adblock', 'rpz']).default('auto').meta({
    description:
      'Form of the files; auto takes each line for what it looks like; rpz is a response policy zone.',
  }),
  action: z.enum(['block', 'allow']).default('block').meta({
    description: 'Block these names, or let them through whatever other lists say.',
  }),
  answer: z
    .enum(['auto', 'zero', 'nxdomain', 'nodata', 'refused', 'addresses'])
    .default('auto')
    .meta({
      description:
        'The answer to a blocked name. zero: 0.0.0.0 and ::; auto: for rpz what each rule says, else zero.',
    }),
  extendedError: z.enum(['blocked', 'censored', 'filtered']).default('blocked').meta({
    description: 'The reason that clients are told: extended error 15, 16 or 17 (RFC 8914).',
  }),
  isDefault: flag('Whether it holds for clients of no group.', true),
  addresses: z.array(address).prefault([]).meta({
    description: 'The addresses of the answer `addresses`.',
  }),
});

const group = z.strictObject({
  name: name.meta({ description: 'What it is called.' }),
  clients: z.array(clientNetwork).min(1).meta({
    description: 'Networks of its clients; the first group with a client has it.',
  }),
  lists: z.array(name).meta({ description: 'The lists that hold for it.' }),
});

const rebinding = z.strictObject({
  enabled: flag('Answer NODATA where a name of the public leads to a private address.', false),
  exceptions: z
    .array(parsedText('a domain name, such as "corp.example"', parseSuffix))
    .max(1000)
    .prefault([])
    .meta({ description: 'Suffixes whose names may, beside those of routes.' }),
});

/** Which names are answered here because they are on a list. */
export const filterSchema = z.strictObject({
  lists: z.array(list).max(16).prefault([]).meta({
    description: 'Block lists and allow lists; of several that block a name the first one answers.',
  }),
  groups: z.array(group).max(1000).prefault([]).meta({
    description: 'Clients for whom other lists hold than for the rest.',
  }),
  types: z
    .array(z.string().regex(/^[A-Za-z0-9-]{1,20}$/))
    .max(256)
    .prefault([])
    .meta({
      description: 'Types of queries that nobody is answered, such as ANY or TYPE65280.',
    }),
  typesAnswer: z.enum(['nodata', 'refused', 'drop']).default('nodata').meta({
    description: 'What becomes of queries of these types.',
  }),
  rebinding: rebinding.prefault({}),
  ttlSeconds: integer('How long clients may keep the answer to a blocked name.', {
    min: 0,
    max: 86_400,
    fallback: 60,
  }),
  reloadIntervalMs: integer('How often the files are looked at for changes; 0 is never.', {
    min: 0,
    max: 86_400_000,
    fallback: 60_000,
  }),
  directory: z.string().min(1).exactOptional().meta({
    description: 'Where copies of lists from URLs are kept, for a start without them.',
    'x-allowed': 'the path of a directory that may be written to',
  }),
  refreshIntervalMs: integer('How often the URLs are asked for news; 0 is at the start alone.', {
    min: 0,
    max: 30 * 86_400_000,
    fallback: 6 * 3_600_000,
  }),
  fetchTimeoutMs: integer('Time to fetch a list from its URL.', {
    min: 100,
    max: 3_600_000,
    fallback: 60_000,
  }),
  rulesMax: integer('Names on all lists together.', {
    min: 1,
    max: 50_000_000,
    fallback: 5_000_000,
  }),
  fileBytesMax: size('Largest file of a list, fetched or not.', {
    min: 1024,
    max: 4 * 1024 ** 3,
    fallback: '256MiB',
  }),
});

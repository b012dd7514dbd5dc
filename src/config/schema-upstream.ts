import { z } from 'zod';
import { canonicalUpstream } from '../base/server-address.ts';
import { parseAbsoluteName, parseSuffix } from './addresses.ts';
import { clientSubnetSchema } from './schema-client-subnet.ts';
import { bootstrap, encrypted, hosts } from './schema-upstream-encrypted.ts';
import { flag, integer, parsedText, share } from './values.ts';

const strategies = ['fastest', 'sequential', 'parallel'] as const;

const server = parsedText(
  'an upstream such as "1.1.1.1", "[2606:4700::1]:53", "tcp://1.1.1.1:53", "tls://9.9.9.9#dns.quad9.net", "https://dns.example/dns-query" or a stamp (sdns://…)',
  canonicalUpstream,
);

const health = z.strictObject({
  failuresMax: integer('Failures in a row after which an upstream is out.', {
    min: 1,
    max: 1000,
    fallback: 3,
  }),
  failureTimeoutMs: integer('A try that lasts this long counts as a failure of the upstream.', {
    min: 1,
    max: 60_000,
    fallback: 1000,
  }),
  backoffMinMs: integer('First pause before an upstream that is out is probed; doubles.', {
    min: 1,
    max: 3_600_000,
    fallback: 1000,
  }),
  backoffMaxMs: integer('Longest pause between two probes of an upstream that is out.', {
    min: 1,
    max: 3_600_000,
    fallback: 60_000,
  }),
  probeName: parsedText('a domain name; "." is the root', parseAbsoluteName)
    .prefault('.')
    .meta({ description: 'The name that a probe asks for.' }),
  probeType: z
    .string()
    .regex(/^[A-Z][A-Z0-9-]*$/)
    .default('NS')
    .meta({
      description: 'The type that a probe asks for.',
      'x-allowed': 'a record type in capitals, such as NS or TYPE65',
    }),
});

const udp = z.strictObject({
  portsPerSecondMax: integer(
    'Fresh source ports per second; with fewer misses each has a port of its own (batched UDP).',
    { min: 1, max: 10_000, fallback: 500 },
  ),
  sockets: integer('Sockets of each address family that more misses than that share by chance.', {
    min: 1,
    max: 256,
    fallback: 16,
  }),
  queriesPerSocketMax: integer('Queries after which a socket is replaced, and so its port.', {
    min: 1,
    max: 10_000,
    fallback: 1000,
  }),
  socketLifetimeMs: integer('Time after which a socket is replaced, and so its port.', {
    min: 1,
    max: 3_600_000,
    fallback: 100,
  }),
});

const tcp = z.strictObject({
  connectionsMax: integer('TCP connections kept to one upstream.', {
    min: 1,
    max: 1000,
    fallback: 4,
  }),
  idleTimeoutMs: integer('An upstream connection without a query is closed after this time.', {
    min: 1,
    max: 3_600_000,
    fallback: 10_000,
  }),
  queriesPerConnectionMax: integer('Queries in flight on one upstream connection.', {
    min: 1,
    max: 65_535, // the message id is all that tells them apart (RFC 7766 section 7)
    fallback: 100,
  }),
});

export const upstreamSchema = z.strictObject({
  servers: z.array(server).prefault([]).meta({
    description:
      "The resolvers that are asked, in order; none means the system's resolvers. `A else B` asks B only while A does not work.",
  }),
  strategy: z.enum(strategies).default('fastest').meta({
    description:
      'Which upstream is asked: the fastest by smoothed round trip time, the first that works, or several at once.',
  }),
  parallelism: integer('How many upstreams the strategy "parallel" asks at once.', {
    min: 1,
    max: 16,
    fallback: 2,
  }),
  queryBudgetMs: integer('Time for all tries of one query together.', {
    min: 10,
    max: 60_000,
    fallback: 4000,
  }),
  tryTimeoutMinMs: integer('Shortest time that one try waits, however fast the upstream is.', {
    min: 1,
    max: 60_000,
    fallback: 100,
  }),
  tryTimeoutMaxMs: integer('Longest time that one try waits, however slow the upstream is.', {
    min: 1,
    max: 60_000,
    fallback: 1500,
  }),
  explorationShare: share(
    'Share of queries that the strategy "fastest" gives to another upstream, to measure it.',
    0.02,
  ),
  caseRandomization: flag(
    'Mix the case of letters in questions against forged answers (0x20); given up per upstream that breaks it.',
    true,
  ),
  ednsBytes: integer('UDP payload size offered to upstreams (RFC 6891 section 6.2.3).', {
    min: 512,
    max: 4096,
    fallback: 1232,
  }),
  trustAuthenticData: flag(
    'Pass the AD bit of upstreams on; only over a path that you trust (RFC 4035 section 4.9.3).',
    false,
  ),
  clientSubnet: clientSubnetSchema.prefault({}),
  bootstrap,
  hosts,
  resolveIntervalMs: integer('How often upstreams given by name are looked up again, at most.', {
    min: 1000,
    max: 86_400_000,
    fallback: 30_000,
  }),
  loopDetection: flag('Notice an upstream that leads back to this resolver.', true),
  health: health.prefault({}),
  udp: udp.prefault({}),
  tcp: tcp.prefault({}),
  encrypted: encrypted.prefault({}),
});

export const routeSchema = z.strictObject({
  suffix: parsedText('a domain name, such as "corp.example"', parseSuffix).meta({
    description: 'The domain; it and all names below it take this route.',
  }),
  servers: z.array(server).min(1).meta({
    description: 'The resolvers for this domain, written as in `upstream.servers`.',
  }),
  strategy: z
    .enum(strategies)
    .exactOptional()
    .meta({ description: 'As `upstream.strategy`, which holds where this is left out.' }),
});

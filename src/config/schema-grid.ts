import { z } from 'zod';
import { formatAddress, parseHostPort } from '../base/address.ts';
import { flag, integer, parsedText } from './values.ts';

/** Where Hazelcast members listen unless told otherwise. */
const memberPort = 5701;

const member = parsedText('a member such as "hz-0.hz:5701" or "10.0.0.7"', (text) =>
  formatAddress(parseHostPort(text, memberPort)),
);

function mode(what: string) {
  return z
    .enum(['off', 'observe', 'on'])
    .default('on')
    .meta({ description: `${what}: off, observe (measures what "on" would do) or on.` });
}

const entryKey = z.strictObject({
  id: z.int().min(1).max(255).meta({ description: 'The number written into each entry.' }),
  secret: z.string().min(16).exactOptional().meta({
    description: 'The secret, at least 16 characters. A secret.',
    'x-allowed': 'text of at least 16 characters',
  }),
  secretFile: z.string().min(1).exactOptional().meta({
    description: 'File that holds the secret, instead of `secret`.',
    'x-allowed': 'the path of a readable file',
  }),
});

const tls = z.strictObject({
  enabled: flag('Connect to the members by TLS (Hazelcast Enterprise).', false),
  caFile: z.string().min(1).exactOptional().meta({
    description: 'Certificates that the members are verified by.',
    'x-allowed': 'the path of a readable file',
  }),
  serverName: z.string().min(1).exactOptional().meta({
    description: 'The name that the certificate of the members must have.',
    'x-allowed': 'a host name',
  }),
});

const sharedCache = z.strictObject({
  mode: mode('Answers shared by all replicas'),
  popularityMin: integer(
    'Times that a name must have been asked for lately before its answer is shared; 1 shares every answer.',
    { min: 1, max: 255, fallback: 1 },
  ),
  lookDeadlineMs: integer('How long a cache miss waits for the grid.', {
    min: 1,
    max: 1000,
    fallback: 15,
  }),
  shareDeadlineMs: integer('How long one write to the grid may take; nobody waits for it.', {
    min: 1,
    max: 60_000,
    fallback: 1000,
  }),
  writesMax: integer('Writes that wait for the grid; beyond this the oldest are dropped.', {
    min: 1,
    max: 1_000_000,
    fallback: 5000,
  }),
});

const deduplication = z.strictObject({
  mode: mode('One upstream query for one question in the whole cluster'),
  strategy: z.enum(['auto', 'lease', 'fenced-lock']).default('auto').meta({
    description:
      'How the replica that asks is found: lease (putIfAbsent), fenced-lock (needs the CP Subsystem); auto takes lease.',
  }),
  deadlineMs: integer('How long a cache miss waits to be told which replica asks.', {
    min: 1,
    max: 1000,
    fallback: 15,
  }),
  leaseTtlMs: integer(
    'How long the lease of a replica that died keeps the others waiting at most.',
    {
      min: 1000,
      max: 60_000,
      fallback: 5000,
    },
  ),
  waitMaxMs: integer('How long to wait for the answer of the replica that asks.', {
    min: 1,
    max: 10_000,
    fallback: 1300,
  }),
  shards: integer('Locks that questions are spread over, with the strategy fenced-lock.', {
    min: 1,
    max: 4096,
    fallback: 256,
  }),
});

const sharedHealth = z.strictObject({
  mode: mode('One view of upstream health, agreed by the replicas'),
  intervalMs: integer('How often a replica tells its view when nothing changes.', {
    min: 100,
    max: 60_000,
    fallback: 2000,
  }),
});

const clusterMetrics = z.strictObject({
  mode: mode('Totals of all replicas at /metrics/cluster'),
  intervalMs: integer('How often a replica writes its totals to the grid.', {
    min: 500,
    max: 300_000,
    fallback: 5000,
  }),
});

const warmStart = z.strictObject({
  enabled: flag('Fetch what the cluster asks for most before saying ready.', true),
  entriesMax: integer('Entries fetched at the start at most.', {
    min: 1,
    max: 1_000_000,
    fallback: 10_000,
  }),
  timeoutMs: integer('Time for connecting and fetching at the start; then the replica is ready.', {
    min: 1,
    max: 60_000,
    fallback: 2000,
  }),
});

/** The Hazelcast grid; without members there is none. */
export const gridSchema = z.strictObject({
  members: z
    .array(member)
    .prefault([])
    .meta({ description: 'Members to connect to first; none means that there is no grid.' }),
  clusterName: z.string().min(1).default('heimdall').meta({
    description: 'The cluster name of the members.',
    'x-allowed': 'text that is not empty',
  }),
  prefix: z
    .string()
    .regex(/^[a-zA-Z0-9_-]{1,64}$/)
    .default('heimdall')
    .meta({
      description: 'In front of the names of all maps and counters: several resolvers, one grid.',
      'x-allowed': 'letters, digits, "-" and "_"',
    }),
  replicaId: z
    .string()
    .regex(/^[a-zA-Z0-9_.-]{1,100}$/)
    .exactOptional()
    .meta({
      description: 'The name of this replica in the cluster; the host name where left out.',
      'x-allowed': 'letters, digits, ".", "-" and "_"',
    }),
  connectTimeoutMs: integer('How long connecting to one member may take.', {
    min: 1,
    max: 60_000,
    fallback: 1000,
  }),
  smartRouting: flag('Connect to every member, not to one that passes calls on.', true),
  username: z.string().min(1).exactOptional().meta({
    description: 'User name for members that ask for one (Hazelcast Enterprise).',
    'x-allowed': 'text that is not empty',
  }),
  password: z.string().min(1).exactOptional().meta({
    description: 'Its password. A secret.',
    'x-allowed': 'text that is not empty',
  }),
  passwordFile: z.string().min(1).exactOptional().meta({
    description: 'File that holds the password, instead of `grid.password`.',
    'x-allowed': 'the path of a readable file',
  }),
  entryKeys: z.array(entryKey).prefault([]).meta({
    description:
      'Keys that entries are authenticated by: the first signs, all are accepted. None: entries are not authenticated.',
  }),
  readinessNeedsGrid: flag('Say "not ready" while the grid is not connected.', false),
  tls: tls.prefault({}),
  sharedCache: sharedCache.prefault({}),
  deduplication: deduplication.prefault({}),
  sharedHealth: sharedHealth.prefault({}),
  clusterMetrics: clusterMetrics.prefault({}),
  warmStart: warmStart.prefault({}),
});

import { z } from 'zod';
import { formatAddress } from '../base/address.ts';
import { parseHttpAddress, parseListenAddress } from './addresses.ts';
import { cacheSchema } from './schema-cache.ts';
import { clientsSchema } from './schema-clients.ts';
import { proxyProtocolSchema } from './schema-proxy-protocol.ts';
import { cookiesSchema } from './schema-cookies.ts';
import { designatedSchema } from './schema-designated.ts';
import { certificateSchema, listenHttpsSchema, listenTlsSchema } from './schema-encrypted.ts';
import { dnstapSchema } from './schema-dnstap.ts';
import { httpTlsSchema } from './schema-http-tls.ts';
import { filterSchema } from './schema-filter.ts';
import { gridSchema } from './schema-grid.ts';
import { localSchema } from './schema-local.ts';
import { tracesSchema } from './schema-traces.ts';
import { routeSchema, upstreamSchema } from './schema-upstream.ts';
import { workers } from './schema-workers.ts';
import { flag, integer, parsedText, share, size } from './values.ts';

const listenAddress = parsedText(
  'an IP address with a port, such as "0.0.0.0:1053" or "[::]:1053"',
  (text) => formatAddress(parseListenAddress(text)),
);

const httpAddress = parsedText(
  'an IP address with a port, such as "127.0.0.1:8080", or "off"',
  (text) => {
    const address = parseHttpAddress(text);
    return address === undefined ? 'off' : formatAddress(address);
  },
);

const udp = z.strictObject({
  transport: z.enum(['auto', 'batched', 'dgram']).default('auto').meta({
    description:
      'How UDP is taken: in batches by recvmmsg and sendmmsg, or one by one; auto takes batches where they work.',
  }),
  receiveBufferBytes: size('Kernel buffer for queries that wait to be read.', {
    min: 64 * 1024,
    max: 1024 ** 3,
    fallback: '4MiB',
  }),
  segmentation: flag(
    'Answers to one client that are ready together go to the kernel as one message, which it divides (UDP_SEGMENT); batched only.',
    true,
  ),
  responseBytesMax: integer('Largest UDP answer, whatever the client offers (RFC 9715).', {
    min: 512,
    max: 4096,
    fallback: 1232,
  }),
});

const tcp = z.strictObject({
  idleTimeoutMs: integer('A connection without a query is closed after this time (RFC 7766).', {
    min: 1,
    max: 3_600_000,
    fallback: 10_000,
  }),
  connectionsMax: integer('Connections of all clients together, over TCP, TLS and HTTPS.', {
    min: 1,
    max: 1_000_000,
    fallback: 1000,
  }),
  connectionsPerClientMax: integer(
    'Connections of one client (`clients.rateLimit` says how many bits of an address make one).',
    {
      min: 1,
      max: 1_000_000,
      fallback: 100,
    },
  ),
  queriesPerConnectionMax: integer('Queries in flight on one connection; more are not read yet.', {
    min: 1,
    max: 65_535,
    fallback: 100,
  }),
  writeBufferBytesMax: size('Answers that wait for a slow reader; beyond this it is cut off.', {
    min: 64 * 1024 + 2, // one message of the largest size with its length (RFC 1035 section 4.2.2)
    max: 64 * 1024 ** 2,
    fallback: '256KiB',
  }),
});

const listen = z.strictObject({
  addresses: z
    .array(listenAddress)
    .min(1)
    .prefault(['0.0.0.0:1053'])
    .meta({ description: 'Where queries are taken, over UDP and TCP alike.' }),
  udp: udp.prefault({}),
  tcp: tcp.prefault({}),
  cookies: cookiesSchema.prefault({}),
  proxyProtocol: proxyProtocolSchema.prefault({}),
  certificate: certificateSchema.prefault({}),
  designated: designatedSchema.prefault({}),
  tls: listenTlsSchema.prefault({}),
  https: listenHttpsSchema.prefault({}),
  queriesInFlightMax: integer(
    'Queries that wait for their answer, over all transports; one more, and the oldest is answered SERVFAIL.',
    {
      min: 1,
      max: 1_000_000,
      fallback: 10_000,
    },
  ),
  queriesInFlightPerClientMax: integer(
    'The same for one client (`clients.rateLimit` says how many bits of an address make one).',
    { min: 1, max: 1_000_000, fallback: 5000 },
  ),
});

const http = z.strictObject({
  address: httpAddress
    .prefault('0.0.0.0:8080')
    .meta({ description: 'Where metrics, health and the admin API are served.' }),
  tls: httpTlsSchema.prefault({}),
  topNames: z.enum(['full', 'suffix', 'none']).default('full').meta({
    description:
      'What the status page and the admin API tell of the names asked for most: all, the last two labels, or nothing.',
  }),
  token: z.string().min(1).exactOptional().meta({
    description:
      'Bearer token of the admin API; without one the API answers loopback only. A secret.',
    'x-allowed': 'text that is not empty',
  }),
  tokenFile: z.string().min(1).exactOptional().meta({
    description: 'File that holds the token, instead of `http.token`; read again on reload.',
    'x-allowed': 'the path of a readable file',
  }),
});

const logQueries = z.strictObject({
  enabled: flag('Log queries.', false),
  sampleShare: share('Share of queries that is logged.', 1),
  clients: z.enum(['full', 'prefix', 'none']).default('prefix').meta({
    description: 'What is logged of the client address: all, its network, or nothing.',
  }),
});

const log = z.strictObject({
  level: z
    .enum(['error', 'warn', 'info', 'debug'])
    .default('info')
    .meta({ description: 'The least severity that is logged.' }),
  format: z.enum(['auto', 'json', 'pretty']).default('auto').meta({
    description: 'Form of log lines; auto is pretty on a terminal and json elsewhere.',
  }),
  queries: logQueries.prefault({}),
});

const shutdown = z.strictObject({
  graceMs: integer('Time for queries in flight to finish after the signal to stop.', {
    min: 0,
    max: 600_000,
    fallback: 10_000,
  }),
  notReadyMs: integer('Time between not ready and the end of service, for load balancers.', {
    min: 0,
    max: 600_000,
    fallback: 0,
  }),
});

const reload = z.strictObject({
  watch: flag('Reload when the configuration file changes; SIGHUP reloads in any case.', true),
});

/** Everything that can be configured. Sections that are left out take their defaults. */
export const configSchema = z.strictObject({
  workers,
  listen: listen.prefault({}),
  clients: clientsSchema.prefault({}),
  http: http.prefault({}),
  upstream: upstreamSchema.prefault({}),
  routes: z
    .array(routeSchema)
    .prefault([])
    .meta({ description: 'Domains that have resolvers of their own; the longest suffix wins.' }),
  cache: cacheSchema.prefault({}),
  local: localSchema.prefault({}),
  filter: filterSchema.prefault({}),
  grid: gridSchema.prefault({}),
  log: log.prefault({}),
  dnstap: dnstapSchema.prefault({}),
  traces: tracesSchema.prefault({}),
  shutdown: shutdown.prefault({}),
  reload: reload.prefault({}),
});

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** The effective configuration: validated, complete, addresses in canonical form. */
export type Config = DeepReadonly<z.output<typeof configSchema>>;

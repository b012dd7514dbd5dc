import { z } from 'zod';
import { parseSuffix } from './addresses.ts';
import { flag, integer, parsedText, share, size, sizeOr } from './values.ts';

/** RFC 8767 section 4: a cap of seven days on TTLs. */
const ttlMaxSeconds = 604_800;

const serveStale = z.strictObject({
  enabled: flag('Answer from expired entries when no upstream answers (RFC 8767).', true),
  staleSecondsMax: integer('How long after its TTL an entry may still be served stale.', {
    min: 1,
    max: 259_200, // RFC 8767 section 5: at most three days
    fallback: 86_400,
  }),
  answerTtlSeconds: integer('TTL of records in a stale answer (RFC 8767 section 4).', {
    min: 1,
    max: 3600,
    fallback: 30,
  }),
  clientTimeoutMs: integer('A client that has waited this long gets the stale answer.', {
    min: 0,
    max: 60_000,
    fallback: 1800,
  }),
  recheckSeconds: integer('Pause after a failed refresh before upstream is asked again.', {
    min: 1,
    max: 3600,
    fallback: 30,
  }),
});

const prefetch = z.strictObject({
  enabled: flag('Fetch popular names again before they expire.', true),
  hitsMin: integer('Hits that make an entry popular.', { min: 1, max: 1_000_000, fallback: 3 }),
  remainingShare: share('Share of its TTL that is left when an entry is fetched again.', 0.1),
});

const snapshot = z.strictObject({
  path: z.string().min(1).exactOptional().meta({
    description: 'File that keeps the cache over a restart; without it nothing is kept.',
    'x-allowed': 'the path of a file in a directory that can be written',
  }),
  intervalMs: integer('How often the snapshot is written; it is also written at shutdown.', {
    min: 1000,
    max: 86_400_000,
    fallback: 300_000,
  }),
});

export const cacheSchema = z.strictObject({
  maxBytes: size('Memory for cached answers.', {
    min: 1024 ** 2,
    max: 64 * 1024 ** 3,
    fallback: '64MiB',
  }),
  processBytesMax: sizeOr(
    ['auto', 'off'],
    'Memory of all processes above which the cache gives way, down to an eighth; auto is 85 % of the limit of the container, if it has one.',
    { min: 64 * 1024 ** 2, max: 1024 ** 4, fallback: 'auto' },
  ),
  ttlMinSeconds: integer('Shorter TTLs are raised to this; a TTL of 0 is never cached.', {
    min: 0,
    max: 3600,
    fallback: 0,
  }),
  ttlMaxSeconds: integer('Longer TTLs are cut to this.', {
    min: 1,
    max: ttlMaxSeconds,
    fallback: 86_400,
  }),
  negativeTtlMaxSeconds: integer('Longer TTLs of negative answers are cut to this (RFC 2308).', {
    min: 1,
    max: 86_400,
    fallback: 1800,
  }),
  failureTtlSeconds: integer('How long a resolution failure is remembered at first (RFC 9520).', {
    min: 1,
    max: 300, // RFC 9520 section 3.2: one second to five minutes
    fallback: 5,
  }),
  failureTtlMaxSeconds: integer('Repeated failures are remembered longer, up to this.', {
    min: 1,
    max: 300,
    fallback: 300,
  }),
  lastKnownGood: flag(
    'Ask another upstream before an NXDOMAIN, or no records, takes the place of the answer of a popular name (`cache.prefetch.hitsMin`).',
    false,
  ),
  nxdomainCut: flag('A name that does not exist answers for all names below it (RFC 8020).', false),
  searchSuffixes: z
    .array(parsedText('a domain name, such as "svc.cluster.local"', parseSuffix))
    .max(32)
    .prefault([])
    .meta({
      description:
        'Ends of search lists: below them the names above are asked for first, and one that is missing answers for all below it (RFC 8020).',
    }),
  serveStale: serveStale.prefault({}),
  prefetch: prefetch.prefault({}),
  snapshot: snapshot.prefault({}),
});

import type { ConfigProblem } from '../base/errors.ts';
import type { Conflict } from './conflict.ts';
import { formatPath, type Place } from './layer.ts';
import type { Config } from './schema.ts';
import { upstreamConflicts } from './upstream-checks.ts';

type Ordered = readonly [lowerPath: string, lower: number, upperPath: string, upper: number];

function orderedPairs({ upstream, cache }: Config): readonly Ordered[] {
  const { health } = upstream;
  return [
    [
      'upstream.tryTimeoutMinMs',
      upstream.tryTimeoutMinMs,
      'upstream.tryTimeoutMaxMs',
      upstream.tryTimeoutMaxMs,
    ],
    [
      'upstream.tryTimeoutMinMs',
      upstream.tryTimeoutMinMs,
      'upstream.queryBudgetMs',
      upstream.queryBudgetMs,
    ],
    [
      'upstream.health.backoffMinMs',
      health.backoffMinMs,
      'upstream.health.backoffMaxMs',
      health.backoffMaxMs,
    ],
    ['cache.ttlMinSeconds', cache.ttlMinSeconds, 'cache.ttlMaxSeconds', cache.ttlMaxSeconds],
    [
      'cache.failureTtlSeconds',
      cache.failureTtlSeconds,
      'cache.failureTtlMaxSeconds',
      cache.failureTtlMaxSeconds,
    ],
  ];
}

function orderConflicts(config: Config): Conflict[] {
  return orderedPairs(config)
    .filter(([, lower, , upper]) => lower > upper)
    .map(([lowerPath, lower, upperPath, upper]) => ({
      path: lowerPath.split('.'),
      message: `found ${String(lower)}; allowed is at most ${upperPath}, which is ${String(upper)}`,
    }));
}

/** Indexes of values that stand further up as well. */
function repeated(values: readonly string[]): number[] {
  return values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []));
}

function repetitionConflicts(config: Config): Conflict[] {
  const { addresses } = config.listen;
  const suffixes = config.routes.map((route) => route.suffix);
  return [
    ...repeated(addresses)
      .filter((index) => addresses[index]?.endsWith(':0') !== true) // each a port of its own
      .map((index) => ({
        path: ['listen', 'addresses', index],
        message: `found ${JSON.stringify(addresses[index])} twice`,
      })),
    ...repeated(suffixes).map((index) => ({
      path: ['routes', index, 'suffix'],
      message: `found ${JSON.stringify(suffixes[index])} in two routes`,
    })),
  ];
}

function tokenConflicts({ http }: Config): Conflict[] {
  return http.token !== undefined && http.tokenFile !== undefined
    ? [{ path: ['http', 'tokenFile'], message: 'found http.token as well; allowed is one of them' }]
    : [];
}

function needed(key: string, section: readonly string[], why: string): Conflict {
  return { path: [...section, key], message: `found nothing; needed for ${why}` };
}

/** Who encrypts needs a certificate and its key. */
function certificateConflicts({ listen, http }: Config): Conflict[] {
  const { certificate, tls, https } = listen;
  const encrypts = tls.addresses.length > 0 || (https.addresses.length > 0 && !https.plain);
  return (['file', 'keyFile'] as const).flatMap((key) => {
    const other = key === 'file' ? http.tls.keyFile : http.tls.file;
    const isHalf = http.tls[key] === undefined && other !== undefined;
    return [
      ...(encrypts && certificate[key] === undefined
        ? [needed(key, ['listen', 'certificate'], 'listen.tls and listen.https')]
        : []),
      ...(isHalf ? [needed(key, ['http', 'tls'], 'TLS of the HTTP port')] : []),
    ];
  });
}

function filterConflicts({ filter }: Config): Conflict[] {
  const names = filter.lists.map(({ name }) => name);
  const unknown = (lists: readonly string[], path: readonly PropertyKey[]): Conflict[] =>
    lists.flatMap((name, index) =>
      names.includes(name)
        ? []
        : [{ path: [...path, index], message: `found ${name}; allowed are names of filter.lists` }],
    );
  return [
    ...repeated(names).map((index) => ({
      path: ['filter', 'lists', index, 'name'],
      message: `found ${String(names[index])} twice`,
    })),
    ...filter.lists.flatMap(({ answer, addresses }, index) =>
      answer === 'addresses' && addresses.length === 0
        ? [{ path: ['filter', 'lists', index, 'addresses'], message: 'found none; one is needed' }]
        : [],
    ),
    ...sourceConflicts(filter),
    ...filter.groups.flatMap(({ lists }, index) =>
      unknown(lists, ['filter', 'groups', index, 'lists']),
    ),
  ];
}

/** A list comes from somewhere, and what is fetched needs a place. */
function sourceConflicts({ lists, directory }: Config['filter']): Conflict[] {
  const isFetched = lists.some(({ urls }) => urls.length > 0);
  return [
    ...lists.flatMap(({ files, urls }, index) =>
      files.length + urls.length === 0
        ? [{ path: ['filter', 'lists', index, 'files'], message: 'found none, and no urls' }]
        : [],
    ),
    ...(isFetched && directory === undefined
      ? [{ path: ['filter', 'directory'], message: 'found nothing; needed for lists with urls' }]
      : []),
  ];
}

function rewriteConflicts({ local }: Config): Conflict[] {
  return local.rewrites.flatMap(({ to, addresses }, index) =>
    (to === undefined) === (addresses.length === 0)
      ? [{ path: ['local', 'rewrites', index], message: 'needs one of to and addresses' }]
      : [],
  );
}

/** Everything that each option allows and that does not fit together. */
export function crossCheck(
  config: Config,
  locate: (path: readonly PropertyKey[]) => Place,
): ConfigProblem[] {
  return [
    ...orderConflicts(config),
    ...repetitionConflicts(config),
    ...tokenConflicts(config),
    ...filterConflicts(config),
    ...certificateConflicts(config),
    ...rewriteConflicts(config),
    ...upstreamConflicts(config),
  ].map(({ path, message }) => ({
    ...locate(path),
    path: formatPath(path),
    message,
  }));
}

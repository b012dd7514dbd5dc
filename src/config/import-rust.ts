import { parse as parseToml } from 'smol-toml';
import { stringify } from 'yaml';
import { describeError, UsageInvalid, type ConfigProblem } from '../base/errors.ts';
import { check } from './check.ts';
import { parseFileLayer } from './file-layer.ts';

/** A configuration of ours made from one of the Rust Heimdall. */
export interface ImportedConfig {
  /** A YAML file. */
  readonly text: string;
  /** What it does not say, or says differently: a sentence for each. */
  readonly notes: readonly string[];
  /** What of it cannot be used as it is. */
  readonly problems: readonly ConfigProblem[];
}

/** A value of an option, at its path. */
type Setting = readonly [path: string, value: unknown];

/** What becomes of a key: settings, or a note that says why there are none. */
type Translation = (value: unknown, all: Source) => readonly Setting[] | string;

/** The keys of the file, tables joined with a point. */
type Source = ReadonlyMap<string, unknown>;

/** Octets that an answer takes in the cache: the other counts answers. */
const bytesPerAnswer = 256;
/** The least that `cache.maxBytes` may be. */
const cacheBytesMin = 1024 * 1024;
const millisecondsPerSecond = 1000;

const to =
  (path: string): Translation =>
  (value) => [[path, value]];
const listTo =
  (path: string): Translation =>
  (value) => [[path, Array.isArray(value) ? value : [value]]];
const secondsTo =
  (path: string): Translation =>
  (value) => [[path, Number(value) * millisecondsPerSecond]];
const none =
  (why: string): Translation =>
  () =>
    why;

const recursion = none('it asks upstreams and does not resolve from the root by itself');
const validation = none('upstreams validate; see upstream.trustAuthenticData');
const authority = none('it is no authoritative server; see local.records');
const otherLimit = none('there is a limit for each client, none for all together');

/** Keys in lower case, as in the file; those of its variables without `HEIMDALL_` mean the same. */
const translations: Readonly<Record<string, Translation>> = {
  bind_addr: listTo('listen.addresses'),
  upstream_servers: listTo('upstream.servers'),
  upstream_timeout: secondsTo('upstream.queryBudgetMs'),
  enable_parallel_queries: (value) => [
    ['upstream.strategy', value === true ? 'parallel' : 'fastest'],
  ],
  max_retries: none('how often is decided by upstream.queryBudgetMs'),
  enable_caching: (value) =>
    value === true ? [] : 'answers are always kept for their TTL; see cache.ttlMaxSeconds',
  max_cache_size: (value) => [
    ['cache.maxBytes', Math.max(cacheBytesMin, Number(value) * bytesPerAnswer)],
  ],
  default_ttl: none('an answer is kept for its own TTL'),
  cache_file_path: to('cache.snapshot.path'),
  cache_save_interval: (value) =>
    value === 0
      ? 'a snapshot is written at intervals wherever cache.snapshot.path is set'
      : [['cache.snapshot.intervalMs', Number(value) * millisecondsPerSecond]],
  http_bind_addr: (value) => [
    ['http.address', String(value).toLowerCase() === 'disabled' ? 'off' : value],
  ],
  worker_threads: (value) => [['workers', value === 0 ? 'auto' : value]],
  blocking_threads: none('there are no such threads'),
  max_concurrent_queries: to('listen.queriesInFlightMax'),
  'rate_limiting.enable': to('clients.rateLimit.enabled'),
  'rate_limiting.queries_per_second_per_ip': to('clients.rateLimit.queriesPerSecond'),
  'rate_limiting.burst_size_per_ip': to('clients.rateLimit.burst'),
  'rate_limiting.global_queries_per_second': otherLimit,
  'rate_limiting.global_burst_size': otherLimit,
  enable_iterative: recursion,
  max_iterations: recursion,
  root_servers: recursion,
  dnssec_enabled: validation,
  dnssec_strict: validation,
  zone_files: authority,
  authoritative_enabled: authority,
  dynamic_updates_enabled: authority,
  redis_url: none('replicas share by a Hazelcast grid; see grid.members'),
  blocklists: (value, all) => [['filter.lists', listsOf(value, all)]],
  allowlist: () =>
    'put these names into a file, and that into filter.lists with the action "allow"',
  blocklist_update_interval: secondsTo('filter.refreshIntervalMs'),
  enable_dot: (value, all) =>
    value === true ? [['listen.tls.addresses', [all.get('dot_bind_addr') ?? '0.0.0.0:853']]] : [],
  enable_doh: (value, all) =>
    value === true ? [['listen.https.addresses', [all.get('doh_bind_addr') ?? '0.0.0.0:443']]] : [],
  doh_path: to('listen.https.path'),
  tls_cert_path: to('listen.certificate.file'),
  tls_key_path: to('listen.certificate.keyFile'),
};

/** Keys that others above look at. */
const lookedAt = new Set([
  'blocking_enabled',
  'blocking_mode',
  'blocking_custom_ip',
  'blocklist_auto_update',
  'dot_bind_addr',
  'doh_bind_addr',
]);

/** Its other names for the same: those of its variables. */
const otherNames: Readonly<Record<string, string>> = {
  enable_rate_limiting: 'rate_limiting.enable',
  'rate_limiting.enable_rate_limiting': 'rate_limiting.enable',
  queries_per_second_per_ip: 'rate_limiting.queries_per_second_per_ip',
  burst_size_per_ip: 'rate_limiting.burst_size_per_ip',
  global_queries_per_second: 'rate_limiting.global_queries_per_second',
  global_burst_size: 'rate_limiting.global_burst_size',
};

const answers: Readonly<Record<string, string>> = {
  zero_ip: 'zero',
  nxdomain: 'nxdomain',
  refused: 'refused',
  custom_ip: 'addresses',
};

const formats: Readonly<Record<string, string>> = {
  domain_list: 'domains',
  hosts: 'hosts',
  adblock: 'adblock',
};

/**
 * Translates the file of a Rust Heimdall (`heimdall.toml`).
 * @throws {UsageInvalid} when it is no TOML
 */
export function importRustConfig(toml: string): ImportedConfig {
  const source = readSource(toml);
  const settings: Setting[] = [];
  const notes: string[] = [];
  for (const [key, value] of source) {
    if (lookedAt.has(key)) continue;
    const translated = translations[key]?.(value, source) ?? 'there is no such option';
    if (typeof translated === 'string') notes.push(`${key}: ${translated}`);
    else settings.push(...translated);
  }
  const text = fileOf(settings, notes);
  const checked = check(parseFileLayer('the translation', text));
  return { text, notes, problems: 'problems' in checked ? checked.problems : [] };
}

function readSource(toml: string): Source {
  try {
    return new Map(flatten(parseToml(toml)));
  } catch (cause) {
    throw new UsageInvalid(`this is no TOML: ${describeError(cause)}`, { cause });
  }
}

function flatten(table: Readonly<Record<string, unknown>>, above = ''): [string, unknown][] {
  return Object.entries(table).flatMap(([name, value]) => {
    const key = `${above}${name.toLowerCase()}`;
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isTable && !(value instanceof Date)) {
      return flatten(value as Readonly<Record<string, unknown>>, `${key}.`);
    }
    return [[otherNames[key] ?? key, value]];
  });
}

/** Lists are written `path:format:name` there. */
function listsOf(value: unknown, all: Source): unknown[] {
  if (!Array.isArray(value) || all.get('blocking_enabled') === false) return [];
  const given = all.get('blocking_mode');
  const mode = typeof given === 'string' ? given.toLowerCase() : 'zero_ip';
  return value.map((text, index) => {
    const [file = '', format = '', name = ''] = String(text).split(':');
    return {
      name: listNameOf(name, index),
      files: [file],
      format: formats[format] ?? 'auto',
      answer: answers[mode] ?? 'zero',
      ...(mode === 'custom_ip' ? { addresses: [all.get('blocking_custom_ip')] } : {}),
    };
  });
}

/** Letters of both cases are allowed there, and whatever else. */
function listNameOf(name: string, index: number): string {
  const allowed = name.toLowerCase().replaceAll(/[^a-z0-9_-]/g, '-');
  return /^[a-z0-9]/.test(allowed) ? allowed.slice(0, 63) : `list-${String(index + 1)}`;
}

/** What has no equal stands in front, as comments. */
function fileOf(settings: readonly Setting[], notes: readonly string[]): string {
  const tree: Record<string, unknown> = {};
  for (const [path, value] of settings) setAt(tree, path.split('.'), value);
  const comments = notes.map((note) => `# ${note}\n`);
  const body = Object.keys(tree).length === 0 ? '{}\n' : stringify(tree);
  return `# Translated from the configuration of a Rust Heimdall.\n${comments.join('')}${body}`;
}

function setAt(tree: Record<string, unknown>, keys: readonly string[], value: unknown): void {
  const [key = '', ...rest] = keys;
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const below = (tree[key] ?? {}) as Record<string, unknown>; // made below, or here
  tree[key] = below;
  setAt(below, rest, value);
}

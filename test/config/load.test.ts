import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigInvalid, type ConfigProblem } from '../../src/base/errors.ts';
import { changedPaths, redact } from '../../src/config/changes.ts';
import { aliases } from '../../src/config/environment-layer.ts';
import { loadConfig, type LoadedConfig } from '../../src/config/load.ts';
import { needsRestart, type Option, options } from '../../src/config/options.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heimdall-config-'));
  file = join(folder, 'heimdall.yaml');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function load(
  text: string,
  env: Readonly<Record<string, string>> = {},
  flags: Readonly<Record<string, string>> = {},
): LoadedConfig {
  writeFileSync(file, text);
  return loadConfig({ file, env, flags });
}

function problemsOf(work: () => unknown): readonly ConfigProblem[] {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems;
    throw error;
  }
  return [];
}

describe('precedence', () => {
  test('nothing at all gives the defaults', () => {
    const { config, warnings, sources } = loadConfig({ env: {}, flags: {} });
    expect(config).toMatchObject({
      listen: { addresses: ['0.0.0.0:1053'], queriesInFlightMax: 10_000 },
      http: { address: '0.0.0.0:8080' },
      upstream: { servers: [], strategy: 'fastest', queryBudgetMs: 4000 },
      cache: { maxBytes: 64 * 1024 ** 2, serveStale: { clientTimeoutMs: 1800 } },
    });
    expect(warnings).toEqual([]);
    expect(new Set(sources.values())).toEqual(new Set(['default']));
  });

  test('flags win over the environment, which wins over the file', () => {
    const text = 'cache: { ttlMaxSeconds: 1, ttlMinSeconds: 1, negativeTtlMaxSeconds: 1 }';
    const env = { HEIMDALL_CACHE_TTL_MAX_SECONDS: '2', HEIMDALL_CACHE_TTL_MIN_SECONDS: '2' };
    const { config, sources } = load(text, env, { 'cache.ttlMaxSeconds': '3' });
    expect(config.cache).toMatchObject({
      ttlMaxSeconds: 3,
      ttlMinSeconds: 2,
      negativeTtlMaxSeconds: 1,
      failureTtlSeconds: 5,
    });
    expect(sources.get('cache.ttlMaxSeconds')).toBe('flag');
    expect(sources.get('cache.ttlMinSeconds')).toBe('environment');
    expect(sources.get('cache.negativeTtlMaxSeconds')).toBe('file');
    expect(sources.get('cache.failureTtlSeconds')).toBe('default');
  });

  test('HEIMDALL_CONFIG names the file unless a flag does', () => {
    writeFileSync(file, 'log: { level: debug }');
    const loaded = loadConfig({ env: { HEIMDALL_CONFIG: file }, flags: {} });
    expect(loaded.config.log.level).toBe('debug');
    expect(loaded.file).toBe(file);
  });

  test('sections whose lines are all commented out take their defaults', () => {
    expect(load('cache:\n  # maxBytes: 1MiB\nlog:\n').config.cache.maxBytes).toBe(64 * 1024 ** 2);
  });

  test('an empty file is the defaults', () => {
    expect(load('').config).toEqual(loadConfig({ env: {}, flags: {} }).config);
  });
});

/** What options allow that do not take what others of their kind do. */
const textOf = new Map([
  ['grid.entryKeys', '[{id: 1, secret: sixteen-characters}]'],
  ['grid.replicaId', 'replica-1'],
  ['filter.lists', '[{name: ads, files: [/etc/ads]}]'],
  ['filter.types', 'ANY,TYPE65280'],
  ['upstream.hosts', '[]'],
  ['listen.designated.name', 'dns.example'],
  ['listen.designated.tlsPort', '853'],
  ['listen.designated.httpsPort', '443'],
  ['listen.cookies.secrets', 'e5e973e5a6b2a43f48e7dc849e37bfcf'],
  ['local.rewrites', '[{name: a.example, to: b.example}]'],
  ['filter.groups', '[{name: all, clients: [10.0.0.0/8], lists: []}]'],
]);

/** Options that need a certificate. */
const encrypts = new Set([
  'listen.tls.addresses',
  'listen.https.addresses',
  'http.tls.file',
  'http.tls.keyFile',
]);
const certificate = {
  'http.tls.file': '/etc/tls.crt',
  'http.tls.keyFile': '/etc/tls.key',
  'listen.certificate.file': '/etc/tls.crt',
  'listen.certificate.keyFile': '/etc/tls.key',
};

/** Text that the option allows. */
function textFor({ path, kind, fallback }: Option): string {
  const special = textOf.get(path);
  if (special !== undefined) return special;
  if (kind === 'structure') return '[{suffix: a.example, servers: [192.0.2.1]}]';
  if (kind === 'list') return path === 'listen.addresses' ? '127.0.0.1:53,[::1]:53' : '192.0.2.1';
  return typeof fallback === 'string'
    ? fallback
    : JSON.stringify(fallback ?? file).replaceAll('"', '');
}

describe('secrets', () => {
  test('keys of the grid come from files, and are shown nowhere', () => {
    writeFileSync(file, 'a secret of the cluster\n');
    const text = `grid:\n  password: hush-hush\n  entryKeys: [{id: 7, secretFile: ${file}}]\n`;
    const path = `${file}.grid`;
    writeFileSync(path, text);
    const { config } = loadConfig({ file: path, env: {}, flags: {} });
    expect(config.grid.entryKeys[0]?.secret).toBe('a secret of the cluster');
    expect(JSON.stringify(redact(config))).not.toMatch(/hush|a secret of/);
  });

  test('a key that is too short is refused without being repeated', () => {
    expect(() => load('grid:\n  entryKeys: [{id: 1, secret: short-secret}]\n')).toThrow('***');
    expect(() => load('grid:\n  entryKeys: [{id: 1}]\n')).toThrow('needs `secret` or `secretFile`');
  });
});

describe('the environment', () => {
  test.each(options.map((option) => [option.variable, option] as const))(
    '%s sets its option',
    (variable, option) => {
      if (option.path.endsWith('File')) writeFileSync(file, 'e5e973e5a6b2a43f48e7dc849e37bfcf\n');
      const around = encrypts.has(option.path) ? Object.entries(certificate) : [];
      const flags = Object.fromEntries(around.filter(([path]) => path !== option.path));
      const { sources } = loadConfig({ env: { [variable]: textFor(option) }, flags });
      expect(sources.get(option.path)).toBe('environment');
    },
  );

  test('names of the Rust Heimdall keep their meaning', () => {
    const { config, warnings } = loadConfig({
      env: {
        HEIMDALL_BIND_ADDR: '127.0.0.1:5300, [::1]:5300',
        HEIMDALL_HTTP_BIND_ADDR: 'disabled',
        HEIMDALL_UPSTREAM_SERVERS: '9.9.9.9:53,1.1.1.1',
        HEIMDALL_MAX_CONCURRENT_QUERIES: '7',
        HEIMDALL_CACHE_FILE_PATH: '/var/cache/heimdall',
        HEIMDALL_CACHE_SAVE_INTERVAL: '60',
      },
      flags: {},
    });
    expect(config.listen).toMatchObject({
      addresses: ['127.0.0.1:5300', '[::1]:5300'],
      queriesInFlightMax: 7,
    });
    expect(config.http.address).toBe('off');
    expect(config.upstream.servers).toEqual(['9.9.9.9:53', '1.1.1.1:53']);
    expect(config.cache.snapshot).toEqual({ path: '/var/cache/heimdall', intervalMs: 60_000 });
    expect(warnings).toEqual([]);
  });

  test('an empty HEIMDALL_HTTP_BIND_ADDR disables, as it does there', () => {
    const { config } = loadConfig({ env: { HEIMDALL_HTTP_BIND_ADDR: '' }, flags: {} });
    expect(config.http.address).toBe('off');
  });

  test("an option's own variable wins over an older name", () => {
    const env = { HEIMDALL_BIND_ADDR: '127.0.0.1:1', HEIMDALL_LISTEN_ADDRESSES: '127.0.0.1:2' };
    expect(loadConfig({ env, flags: {} }).config.listen.addresses).toEqual(['127.0.0.1:2']);
  });

  test('every alias leads to an option', () => {
    const paths = options.map((option) => option.path);
    for (const alias of aliases) expect(paths).toContain(alias.path);
  });
});

describe('variables that set nothing', () => {
  test('an empty variable counts as none', () => {
    const { sources } = loadConfig({ env: { HEIMDALL_LOG_LEVEL: '' }, flags: {} });
    expect(sources.get('log.level')).toBe('default');
  });

  test('an unknown variable is a warning with the nearest known one', () => {
    const { warnings } = loadConfig({ env: { HEIMDALL_LOG_LEVLE: 'debug' }, flags: {} });
    expect(warnings).toEqual([expect.stringContaining('did you mean HEIMDALL_LOG_LEVEL?')]);
  });

  test('a variable that meant something else is told so', () => {
    const { warnings } = loadConfig({ env: { HEIMDALL_MAX_CACHE_SIZE: '10000' }, flags: {} });
    expect(warnings).toEqual([expect.stringContaining('cache.maxBytes counts bytes')]);
  });

  test('what Kubernetes injects for Services is ignored silently', () => {
    const env = {
      HEIMDALL_SERVICE_HOST: '10.0.0.1',
      HEIMDALL_SERVICE_PORT: '53',
      HEIMDALL_SERVICE_PORT_DNS_TCP: '53',
      HEIMDALL_PORT: 'tcp://10.0.0.1:53',
      HEIMDALL_PORT_53_UDP: 'udp://10.0.0.1:53',
      HEIMDALL_PORT_53_UDP_ADDR: '10.0.0.1',
      HEIMDALL_METRICS_SERVICE_HOST: '10.0.0.2',
      HEIMDALL_METRICS_PORT_8080_TCP_PROTO: 'tcp',
    };
    expect(loadConfig({ env, flags: {} }).warnings).toEqual([]);
  });
});

describe('problems', () => {
  test('all are found at once, with file, line, path, what was found and what is allowed', () => {
    const text = `listen:
  addresses: ["0.0.0.0:53", nowhere]
  udp:
    responseBytesMax: 100
cahce: {}
routes:
  - suffix: corp.example
    servers: []
  - servers: [dns.example, "ftp://1.1.1.1"]
upstream: { strategy: best }
`;
    const env = { HEIMDALL_SHUTDOWN_GRACE_MS: 'soon' };
    const problems = problemsOf(() => load(text, env, { 'log.levl': 'x', 'log.level': 'loud' }));
    const summary = problems.map(({ source, line, path }) => [source, line, path]);
    expect(new Set(summary)).toEqual(
      new Set([
        [file, 2, 'listen.addresses[1]'],
        [file, 4, 'listen.udp.responseBytesMax'],
        [file, 5, 'cahce'],
        [file, 8, 'routes[0].servers'],
        [file, 9, 'routes[1].suffix'],
        [file, 9, 'routes[1].servers[1]'],
        [file, 10, 'upstream.strategy'],
        ['HEIMDALL_SHUTDOWN_GRACE_MS', undefined, 'shutdown.graceMs'],
        ['command line', undefined, 'log.levl'],
        ['command line', undefined, 'log.level'],
      ]),
    );
    const messages = new Map(problems.map(({ path, message }) => [path, message]));
    expect(messages.get('listen.udp.responseBytesMax')).toBe(
      'found 100; allowed is a whole number from 512 to 4096',
    );
    expect(messages.get('cahce')).toContain('did you mean cache?');
    expect(messages.get('routes[1].suffix')).toContain('found nothing');
    expect(messages.get('upstream.strategy')).toBe(
      'found "best"; allowed is one of fastest, sequential, parallel',
    );
  });

  test('a word that every object has is no boolean', () => {
    const [problem] = problemsOf(() =>
      loadConfig({ env: { HEIMDALL_RELOAD_WATCH: 'constructor' }, flags: {} }),
    );
    expect(problem?.message).toBe('found "constructor"; allowed is true or false');
  });

  test('a wrong value is found although a higher source replaces it', () => {
    const problems = problemsOf(() => load('log: { level: loud }', { HEIMDALL_LOG_LEVEL: 'info' }));
    expect(problems).toHaveLength(1);
  });
});

describe('keys and syntax', () => {
  test.each([
    ['cache: { maxByte: 1MiB }', 'cache.maxByte', 'did you mean cache.maxBytes?'],
    ['servers: [1.1.1.1]', 'servers', 'did you mean upstream.servers?'],
    [
      'routes: [{ suffx: a, servers: [1.1.1.1], suffix: a }]',
      'routes[0].suffx',
      'routes[0].suffix?',
    ],
    ['wholly_different: 1', 'wholly_different', 'allowed are workers, listen, clients, http'],
    ['__proto__: { a: 1 }', '__proto__', 'no known key'],
  ])('%s is an unknown key', (text, path, advice) => {
    const [problem] = problemsOf(() => load(text));
    expect(problem).toMatchObject({ path, line: 1, message: expect.stringContaining(advice) });
  });

  test.each([
    ['a: [', 'YAML'],
    ['cache: {}\ncache: {}', 'unique'],
    ['- a list', 'mapping'],
    ['a: &x [*x]', 'YAML'],
    ['a: &x { b: *x }', 'YAML'],
    ['a: *nowhere', 'YAML'],
    ['a: 1\n---\nb: 2', 'YAML'],
  ])('%j is refused with its line', (text, reason) => {
    const [problem] = problemsOf(() => load(text));
    expect(problem?.message).toContain(reason);
    expect(problem?.source).toBe(file);
  });

  test('a file that is not there is named', () => {
    const [problem] = problemsOf(() => loadConfig({ file: '/no/such.yaml', env: {}, flags: {} }));
    expect(problem).toMatchObject({ source: '/no/such.yaml' });
    expect(problem?.message).toContain('cannot be read');
  });
});

describe('values that do not fit', () => {
  test.each([
    ['upstream: { tryTimeoutMinMs: 2000 }', 'upstream.tryTimeoutMinMs'],
    ['upstream: { queryBudgetMs: 50 }', 'upstream.tryTimeoutMinMs'],
    ['upstream: { health: { backoffMinMs: 70000 } }', 'upstream.health.backoffMinMs'],
    ['cache: { ttlMaxSeconds: 5, ttlMinSeconds: 6 }', 'cache.ttlMinSeconds'],
    ['cache: { failureTtlMaxSeconds: 4 }', 'cache.failureTtlSeconds'],
    ['listen: { addresses: ["127.0.0.1:53", "127.0.0.1:53"] }', 'listen.addresses[1]'],
    [
      'routes: [{ suffix: A.example., servers: [::1] }, { suffix: a.example, servers: [::1] }]',
      'routes[1].suffix',
    ],
    ['http: { token: a, tokenFile: b }', 'http.tokenFile'],
    ['upstream: { servers: [1.1.1.1, dns.example] }', 'upstream.servers[1]'],
    ['upstream: { servers: ["tls://1.1.1.1 else dns.example"] }', 'upstream.servers[0]'],
    ['routes: [{ suffix: a, servers: [https://dns.example] }]', 'routes[0].servers[0]'],
    ['upstream: { bootstrap: [dns.example] }', 'upstream.bootstrap[0]'],
    ['upstream: { servers: [9.9.9.9], hosts: [{ name: a.example }] }', 'upstream.hosts[0].name'],
    ['cache: { maxBytes: 1048575 }', 'cache.maxBytes'],
    ['cache: { maxBytes: 65GiB }', 'cache.maxBytes'],
    ['cache: { maxBytes: 64MB }', 'cache.maxBytes'],
    ['cache: { serveStale: { staleSecondsMax: 259201 } }', 'cache.serveStale.staleSecondsMax'],
    ['http: { address: localhost }', 'http.address'],
  ])('%s is refused', (text, path) => {
    expect(problemsOf(() => load(text)).map((problem) => problem.path)).toEqual([path]);
  });

  test.each([
    'servers: [dns.example], bootstrap: [9.9.9.9]',
    'servers: [dns.example], bootstrap: [system]',
    'servers: ["tls://dns.example"], hosts: [{ name: dns.example, addresses: [192.0.2.1] }]',
    'servers: ["tls://9.9.9.9#dns.example"], hosts: [{ name: dns.example }]',
  ])('a name of an upstream can be found by "%s"', (text) => {
    expect(load(`upstream: { ${text} }`).config.upstream.servers).toHaveLength(1);
  });

  test('two addresses with port 0 are two ports', () => {
    const { config } = load('listen: { addresses: ["127.0.0.1:0", "127.0.0.1:0"] }');
    expect(config.listen.addresses).toHaveLength(2);
  });

  test('a secret of the wrong type is not printed', () => {
    const [problem] = problemsOf(() => load('http: { token: 12345678 }'));
    expect(problem?.message).toContain('***');
    expect(problem?.message).not.toContain('12345678');
  });

  test('a stale timer that cannot fire is a warning', () => {
    const { warnings } = load('cache: { serveStale: { clientTimeoutMs: 5000 } }');
    expect(warnings).toEqual([expect.stringContaining('has no effect')]);
  });
});

describe('the token', () => {
  test('is read from its file, without the line break at its end', () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'hush\n');
    const { config } = load(`http: { tokenFile: ${tokenFile} }`);
    expect(config.http.token).toBe('hush');
    expect(redact(config).http.token).toBe('***');
  });

  test.each(['missing', 'empty'])('a file that is %s is a problem at its line', (state) => {
    const tokenFile = join(folder, 'token');
    if (state === 'empty') writeFileSync(tokenFile, '\n');
    const [problem] = problemsOf(() => load(`log: {}\nhttp: { tokenFile: ${tokenFile} }`));
    expect(problem).toMatchObject({ source: file, line: 2, path: 'http.tokenFile' });
  });
});

describe('changes', () => {
  test('are listed by path, lists as a whole', () => {
    const before = load('upstream: { servers: [1.1.1.1] }\nlog: { level: warn }').config;
    const after = load('upstream: { servers: [1.1.1.1:53, ::1] }\nlog: { level: warn }').config;
    expect(changedPaths(before, after)).toEqual(['upstream.servers']);
    expect(changedPaths(before, before)).toEqual([]);
  });

  test.each([
    ['listen.udp.responseBytesMax', false],
    ['grid.sharedCache.mode', false],
    ['grid.members', true],
    ['listen.addresses', true],
    ['listen.tcp.idleTimeoutMs', true],
    ['http.address', true],
    ['http.token', false],
    ['cache.maxBytes', true],
    ['cache.snapshot.path', true],
    ['cache.snapshot.intervalMs', false],
    ['upstream.servers', false],
  ])('%s needs a restart: %s', (path, expected) => {
    expect(needsRestart(path)).toBe(expected);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UsageInvalid } from '../../src/base/errors.ts';
import { importRustConfig } from '../../src/config/import-rust.ts';
import { loadConfig } from '../../src/config/load.ts';
import { run } from '../cli/recorded-io.ts';

/** What our own reader makes of the translation. */
function loaded(toml: string) {
  const { text, notes, problems } = importRustConfig(toml);
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-import-'));
  const file = join(folder, 'heimdall.yaml');
  writeFileSync(file, text);
  try {
    return { config: loadConfig({ file, env: {}, flags: {} }).config, notes, problems };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('a configuration of the Rust Heimdall', () => {
  test('addresses, upstreams, cache and limits mean the same here', () => {
    const { config, notes, problems } = loaded(`
      bind_addr = "127.0.0.1:1053"
      upstream_servers = ["1.1.1.1:53", "8.8.8.8:53"]
      upstream_timeout = 3
      enable_parallel_queries = true
      enable_caching = true
      max_cache_size = 100000
      cache_file_path = "/var/lib/heimdall/cache"
      cache_save_interval = 300
      http_bind_addr = "disabled"
      worker_threads = 0
      max_concurrent_queries = 5000
      [rate_limiting]
      enable = true
      queries_per_second_per_ip = 50
      burst_size_per_ip = 100
    `);
    expect({ notes, problems }).toEqual({ notes: [], problems: [] });
    expect(config.listen.addresses).toEqual(['127.0.0.1:1053']);
    expect(config.listen.queriesInFlightMax).toBe(5000);
    expect(config.upstream).toMatchObject({
      servers: ['1.1.1.1:53', '8.8.8.8:53'],
      queryBudgetMs: 3000,
      strategy: 'parallel',
    });
    expect(config.cache.maxBytes).toBe(25_600_000);
    expect(config.cache.snapshot).toMatchObject({
      path: '/var/lib/heimdall/cache',
      intervalMs: 300_000,
    });
    expect(config.http.address).toBe('off');
    expect(config.workers).toBe('auto');
    expect(config.clients.rateLimit).toMatchObject({
      enabled: true,
      queriesPerSecond: 50,
      burst: 100,
    });
  });

  test('lists keep their names, forms and answers', () => {
    const { config } = loaded(`
      blocking_mode = "custom_ip"
      blocking_custom_ip = "192.0.2.9"
      blocklist_update_interval = 86400
      blocklists = ["lists/a.txt:hosts:StevenBlack", "lists/b.txt:domain_list:!", "c:pihole:c"]
    `);
    expect(config.filter.refreshIntervalMs).toBe(86_400_000);
    expect(config.filter.lists).toMatchObject([
      { name: 'stevenblack', files: ['lists/a.txt'], format: 'hosts', answer: 'addresses' },
      { name: 'list-2', files: ['lists/b.txt'], format: 'domains', addresses: ['192.0.2.9'] },
      { name: 'c', files: ['c'], format: 'auto' },
    ]);
    expect(
      loaded('blocking_enabled = false\nblocklists = ["a:hosts:a"]').config.filter.lists,
    ).toEqual([]);
  });

  test('encrypted transports are served at their addresses with its certificate', () => {
    const { config } = loaded(`
      enable_dot = true
      enable_doh = true
      dot_bind_addr = "127.0.0.1:8853"
      doh_path = "/resolve"
      tls_cert_path = "/tls/tls.crt"
      tls_key_path = "/tls/tls.key"
    `);
    expect(config.listen.tls.addresses).toEqual(['127.0.0.1:8853']);
    expect(config.listen.https).toMatchObject({ addresses: ['0.0.0.0:443'], path: '/resolve' });
    expect(config.listen.certificate).toMatchObject({
      file: '/tls/tls.crt',
      keyFile: '/tls/tls.key',
    });
  });

  test('what has no equal is told, in the file as well, and so is what nobody knows', () => {
    const { text, notes } = importRustConfig('dnssec_enabled = true\nnonsense = 1\n');
    expect(notes).toEqual([
      'dnssec_enabled: upstreams validate; see upstream.trustAuthenticData',
      'nonsense: there is no such option',
    ]);
    for (const note of notes) expect(text).toContain(`# ${note}\n`);
    expect(loaded('dnssec_enabled = true').problems).toEqual([]);
  });

  test('any TOML value of any key is translated, told or refused with a problem, without a defect', () => {
    const keys = [
      ...['bind_addr', 'upstream_servers', 'upstream_timeout', 'max_cache_size', 'blocklists'],
      ...['enable_dot', 'worker_threads', 'http_bind_addr', 'blocking_mode', 'redis_url'],
    ];
    const values = ['true', '-1', '1e300', 'nan', '"x"', '[]', '[1, "a:b:c"]', '{ a = 1 }'];
    const line = fc.tuple(fc.constantFrom(...keys), fc.constantFrom(...values, '1979-05-27'));
    fc.assert(
      fc.property(fc.uniqueArray(line, { selector: ([key]) => key }), (lines) => {
        const toml = lines.map(([key, value]) => `${key} = ${value}\n`).join('');
        expect(importRustConfig(toml).text).toMatch(/^# Translated/);
      }),
    );
  });

  test('what is no TOML is refused with the place', () => {
    expect(() => importRustConfig('a = \nb')).toThrow(UsageInvalid);
    expect(() => importRustConfig('a = \nb')).toThrow(/line|1/);
  });
});

describe('heimdall config import', () => {
  test('prints the file, tells the rest on standard error, and fails where a value cannot be used', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heimdall-import-'));
    const file = join(folder, 'heimdall.toml');
    try {
      writeFileSync(file, 'bind_addr = "127.0.0.1:53"\nredis_url = "redis://r"\n');
      const good = await run(['config', 'import', file]);
      expect(good).toMatchObject({ code: 0 });
      expect(good.stdout).toMatch(/addresses:\n +- 127\.0\.0\.1:53\n/);
      expect(good.stderr).toContain('Hazelcast grid');
      writeFileSync(file, 'bind_addr = "nowhere"\n');
      const bad = await run(['config', 'import', file]);
      expect(bad.code).toBe(3);
      expect(bad.stderr).toContain('listen.addresses');
      expect(await run(['config', 'import', join(folder, 'none')])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('cannot be read'),
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

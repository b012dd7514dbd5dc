import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startNameServers } from '../support/name-servers.ts';
import type { NameServers } from '../support/name-servers.ts';
import { installed, ReplicaProcess, run, runHeimdall } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

let servers: NameServers;
let replica: ReplicaProcess;
beforeAll(async () => {
  servers = await startNameServers();
  replica = await ReplicaProcess.launch([
    ...['serve', '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'],
    ...['--upstream', servers.text],
  ]);
});
afterAll(async () => {
  expect((await replica.stop()).code).toBe(0);
  await servers.stop();
});

async function dig(...argv: readonly string[]): Promise<string> {
  const program = installed('dig', 'bind9-dnsutils');
  const { port } = replica.address;
  return (await run(program, ['@127.0.0.1', '-p', String(port), ...argv])).stdout;
}

async function kdig(...argv: readonly string[]): Promise<string> {
  const program = installed('kdig', 'knot-dnsutils');
  const { port } = replica.address;
  return (await run(program, ['@127.0.0.1', '-p', String(port), ...argv])).stdout;
}

async function query(...argv: readonly string[]): Promise<Record<string, unknown>> {
  const server = `127.0.0.1:${String(replica.address.port)}`;
  const { code, stdout } = await runHeimdall(['query', ...argv, '--server', server, '--json']);
  expect(code).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** The TTL in the first line of an answer section. */
function ttlOf(answer: string): number {
  return Number(/^\S+\s+(\d+)\s+IN\s/m.exec(answer)?.[1]);
}

describe('through a real recursive server', () => {
  test('dig, kdig and heimdall query get answers over UDP and TCP', async () => {
    for (const transport of [[], ['+tcp']]) {
      expect(await dig('www.example', '+short', ...transport)).toBe('192.0.2.10\n');
      expect(await kdig('www.example', '+short', ...transport)).toBe('192.0.2.10\n');
    }
    for (const transport of [[], ['--tcp']]) {
      const { answer } = await query('www.example', 'AAAA', ...transport);
      expect(JSON.stringify(answer)).toContain('2001:db8::10');
    }
  });

  test('TTLs fall from one answer to the next, over UDP and TCP alike', async () => {
    const first = ttlOf(await dig('mail.example', 'MX', '+noall', '+answer'));
    expect(first).toBeGreaterThan(290);
    expect(first).toBeLessThanOrEqual(300);
    const later = await waitFor('a lower TTL', async () => {
      const ttl = ttlOf(await dig('mail.example', 'MX', '+noall', '+answer'));
      return ttl < first ? ttl : undefined;
    });
    const overTcp = ttlOf(await kdig('mail.example', 'MX', '+tcp', '+noall', '+answer'));
    expect(overTcp).toBeLessThanOrEqual(later);
    expect(overTcp).toBeGreaterThan(first - 20);
  });

  test('heimdall query tells from which layer an answer came', async () => {
    expect(await query('alias.example')).toMatchObject({ layer: `upstream ${servers.text}` });
    expect(await query('alias.example')).toMatchObject({ layer: 'l1' });
  });

  test('aliases, types that nobody knows, and names that do not exist', async () => {
    expect(await dig('alias.example', '+short')).toBe('www.example.\n192.0.2.10\n');
    expect(await dig('odd.example', 'TYPE65280', '+short')).toBe('\\# 4 0A000001\n');
    const gone = await dig('gone.example');
    expect(gone).toContain('status: NXDOMAIN');
    expect(gone).toMatch(/^example\.\s+\d+\s+IN\s+SOA/m);
  });

  test('what does not fit into a datagram comes over TCP', async () => {
    const cut = await dig('long.example', 'TXT', '+ignore');
    expect(cut).toMatch(/flags: qr tc rd ra;/);
    const whole = await dig('long.example', 'TXT', '+short');
    expect(whole).toContain('f'.repeat(250));
  });

  test('dig finds nothing to complain about, whatever option it sends', async () => {
    for (const option of [
      '+dnssec',
      '+nsid',
      '+subnet=0',
      '+subnet=192.0.2.0/24',
      '+padding=128',
      '+noedns',
    ]) {
      const text = await dig('www.example', option);
      expect(text).toContain('status: NOERROR');
      expect(text).not.toMatch(/WARNING|Warning|MISMATCH|malformed/);
    }
    expect(await dig('www.example', '+edns=1', '+noednsnegotiation')).toContain('status: BADVERS');
    expect(await dig('CH', 'TXT', 'version.bind')).toContain('EDE: 21');
  });

  test('healthcheck and upstreams agree that all is well', async () => {
    expect((await runHeimdall(['healthcheck', '--api', replica.api])).code).toBe(0);
    const { stdout } = await runHeimdall(['upstreams', '--api', replica.api]);
    expect(stdout).toContain(servers.text);
    expect(stdout).toMatch(/\bup\b/);
  });
});

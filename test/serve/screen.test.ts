import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let directory: string;
let upstream: ScriptedUpstream;
let replica: TestReplica;
let file: string;

/** An HTTPS record: priority 1, no target, one hint of this address. */
function hint(octets: readonly number[]): Buffer {
  return Buffer.from([0, 1, 0, 0, octets.length === 4 ? 4 : 6, 0, octets.length, ...octets]);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-screen-'));
  file = join(directory, 'heimdall.yaml');
  const data: Record<string, string> = {
    'evil.example A': '192.168.1.1',
    'evil.example AAAA': 'fd00::1',
    'mapped.example AAAA': '::ffff:10.0.0.1',
    'fine.example A': '192.0.2.1',
    'later.example A': '10.0.0.1',
    'host.corp.example A': '10.1.1.1',
  };
  upstream = await ScriptedUpstream.start({
    script: ({ name, type }) => {
      const lowered = name.toLowerCase();
      const found = data[`${lowered} ${type}`];
      if (found !== undefined) {
        return { answers: [{ name, type: type as 'A', ttl: 300, data: found }] };
      }
      if (!lowered.startsWith('svc')) return { answers: [] };
      const rdata = hint(lowered.startsWith('svc-bad') ? [192, 168, 0, 9] : [192, 0, 2, 9]);
      return { answers: [{ name, type: 'UNKNOWN_65' as 'NULL', ttl: 300, data: rdata }] };
    },
  });
  await writeFile(file, configuration('true'));
  replica = await startReplica({ upstreams: [upstream.text], file });
});
afterAll(async () => {
  await replica.stop();
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});

function configuration(rebinding: string): string {
  return `filter: { types: [HINFO, TYPE65280], rebinding: { enabled: ${rebinding}, exceptions: [corp.example] } }\n`;
}

async function count(name: string, type: string): Promise<number> {
  const { code, answers } = await replica.ask({ name, type: type as 'A' });
  expect(code).toBe(0);
  return answers.length;
}

describe('names of the public do not lead to private addresses', () => {
  test.each([
    ['evil.example', 'A', 0],
    ['evil.example', 'AAAA', 0],
    ['mapped.example', 'AAAA', 0],
    ['fine.example', 'A', 1],
    ['host.corp.example', 'A', 1],
    ['svc-bad.example', 'HTTPS', 0],
    ['svc-fine.example', 'HTTPS', 1],
  ])('%s %s: %i', async (name, type, answers) => {
    for (const _ of [1, 2, 3]) expect(await count(name, type)).toBe(answers);
  });

  test('the client is told why (RFC 8914), and the metrics count it', async () => {
    const { extendedErrors } = await replica.ask({ name: 'evil.example', edns: {} });
    expect(extendedErrors).toEqual(['15 a private address']);
    const [line] = await replica.metric('heimdall_filter_screened_total{reason="private_address"}');
    expect(Number(line?.split(' ')[1])).toBeGreaterThan(8);
  });
});

test('a type that is not served has no data, and is not asked for upstream', async () => {
  const { code, answers, extendedErrors } = await replica.ask({
    name: 'fine.example',
    type: 65_280,
    edns: {},
  });
  expect([code, answers, extendedErrors]).toEqual([0, [], ['15 type TYPE65280']]);
  expect(upstream.queries.some(({ type }) => type.includes('65280'))).toBe(false);
});

test('what is in the cache is looked at anew when this is switched', async () => {
  await writeFile(file, configuration('false'));
  replica.replica.reload();
  await waitFor('the switch off', async () => (await count('later.example', 'A')) === 1);
  await writeFile(file, configuration('true'));
  replica.replica.reload();
  await waitFor('the switch on', async () => (await count('later.example', 'A')) === 0);
});

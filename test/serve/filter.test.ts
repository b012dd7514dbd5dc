import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UdpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import type { QueryParts, ReadMessage } from '../support/messages.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let directory: string;
let upstream: ScriptedUpstream;
let replica: TestReplica;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-filter-'));
  await list('ads', '||ads.example^\n@@||fine.ads.example^\n');
  await list('strict', 'games.example\n');
  await list('sinkhole', '*.sink.example\n');
  await list('needed', '*.needed.ads.example\n');
  upstream = await ScriptedUpstream.start({
    script: ({ name }) => ({
      answers: name.toLowerCase().startsWith('alias.')
        ? [
            { name, type: 'CNAME', ttl: 300, data: 'tracker.ads.example' },
            addressRecord('tracker.ads.example', '192.0.2.9', 300),
          ]
        : [addressRecord(name, '192.0.2.1', 300)],
    }),
  });
  file = join(directory, 'heimdall.yaml');
  await writeFile(file, configuration());
  replica = await startReplica({ upstreams: [upstream.text], file });
});
afterAll(async () => {
  await replica.stop();
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});

async function list(name: string, text: string): Promise<void> {
  await writeFile(join(directory, `${name}.txt`), text);
}

function configuration(): string {
  const files = (name: string): string => `files: ['${join(directory, `${name}.txt`)}']`;
  return `
filter:
  lists:
    - { name: ads, ${files('ads')} }
    - { name: strict, ${files('strict')}, answer: nxdomain, isDefault: false }
    - { name: sinkhole, ${files('sinkhole')}, answer: addresses, addresses: ['192.0.2.66', '2001:db8::66'] }
    - { name: needed, ${files('needed')}, action: allow }
  groups:
    - { name: build, clients: [127.0.0.2/32], lists: [strict] }
`;
}

async function ask(parts: QueryParts, from = '127.0.0.1'): Promise<ReadMessage> {
  const client = new UdpClient(replica.address, from);
  try {
    return readMessage(await client.ask(encodeQuery(parts)));
  } finally {
    await client.close();
  }
}

async function codeAndAnswers(name: string, from?: string): Promise<[number, readonly string[]]> {
  const { code, answers } = await ask({ name }, from);
  return [code, answers];
}

describe('names on lists', () => {
  test('a blocked name and all below it are the zero address, with extended error 15 (RFC 8914)', async () => {
    const { code, answers, extendedErrors } = await ask({ name: 'www.ads.example', edns: {} });
    expect([code, answers]).toEqual([0, ['www.ads.example 60 A 0.0.0.0']]);
    expect(extendedErrors).toEqual(['15 list ads']);
    const six = await ask({ name: 'ads.example', type: 'AAAA' });
    expect(six.answers).toEqual(['ads.example 60 AAAA ::']);
    const other = await ask({ name: 'ads.example', type: 'MX' });
    expect([other.code, other.answers, other.authorities.length]).toEqual([0, [], 1]);
  });

  test('each list has its own answer', async () => {
    expect(await codeAndAnswers('a.sink.example')).toEqual([0, ['a.sink.example 60 A 192.0.2.66']]);
    expect(await codeAndAnswers('games.example', '127.0.0.2')).toEqual([3, []]);
  });

  test('an exception of the list, or an allow list, lets a name through', async () => {
    for (const name of ['fine.ads.example', 'www.needed.ads.example']) {
      expect(await codeAndAnswers(name)).toEqual([0, [`${name} 300 A 192.0.2.1`]]);
    }
  });

  test('a name that leads by an alias to a blocked one is blocked, on a hit as well', async () => {
    for (const _ of [1, 2]) {
      expect(await codeAndAnswers('alias.example')).toEqual([0, ['alias.example 60 A 0.0.0.0']]);
    }
  });

  test('an answer kept for one group is not served to another that must not have it', async () => {
    for (const _ of [1, 2]) {
      const [, kept] = await codeAndAnswers('games.example');
      expect(kept).toEqual(['games.example 300 A 192.0.2.1']);
      expect(await codeAndAnswers('games.example', '127.0.0.2')).toEqual([3, []]);
      expect(await codeAndAnswers('ads.example', '127.0.0.2')).toEqual([
        0,
        ['ads.example 300 A 192.0.2.1'],
      ]);
      expect(await codeAndAnswers('ads.example')).toEqual([0, ['ads.example 60 A 0.0.0.0']]);
    }
  });

  test('a changed file takes over, also for names that are in the cache; the metrics say so', async () => {
    expect(await codeAndAnswers('later.example')).toEqual([0, ['later.example 300 A 192.0.2.1']]);
    await list('ads', '||ads.example^\nlater.example\n');
    await utimes(join(directory, 'ads.txt'), 1, 1);
    replica.replica.reload();
    await writeFile(file, `${configuration()}  ttlSeconds: 61\n`);
    replica.replica.reload();
    await waitFor('the list', async () => {
      const [, answers] = await codeAndAnswers('later.example');
      return answers[0] === 'later.example 61 A 0.0.0.0';
    });
    expect(await replica.metric('heimdall_filter_rules{list="ads"}')).toEqual([
      'heimdall_filter_rules{list="ads"} 2',
    ]);
    expect(await replica.metric('heimdall_filter_names')).toEqual(['heimdall_filter_names 5']);
    const [blocked] = await replica.metric('heimdall_filter_blocked_total{list="ads"}');
    expect(Number(blocked?.split(' ')[1])).toBeGreaterThan(4);
  });

  test('a list that cannot be read leaves those in use as they are, and is counted', async () => {
    await rm(join(directory, 'strict.txt'));
    await writeFile(file, `${configuration()}  ttlSeconds: 62\n`);
    replica.replica.reload();
    await waitFor('the failure', async () => {
      const [line] = await replica.metric('heimdall_filter_loads_total{result="failure"}');
      return line?.endsWith(' 1') === true;
    });
    expect(replica.log()).toContain('strict.txt cannot be read');
    expect(await codeAndAnswers('games.example', '127.0.0.2')).toEqual([3, []]);
  });
});

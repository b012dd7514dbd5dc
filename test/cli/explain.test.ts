import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formatAddress } from '../../src/base/address.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { run } from './recorded-io.ts';

let upstream: ScriptedUpstream;
let replica: TestReplica;
let api: string;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    script: ({ name }) =>
      name.toLowerCase().startsWith('broken')
        ? { code: 2 }
        : { answers: [addressRecord(name, '192.0.2.1', 300)] },
  });
  replica = await startReplica({ upstreams: [upstream.text] });
  const { httpAddress } = replica.replica;
  api = `http://${httpAddress === undefined ? '' : formatAddress(httpAddress)}`;
});
afterAll(async () => {
  await Promise.all([replica.stop(), upstream.stop()]);
});

const explain = (...argv: string[]) => run(['query', ...argv, '--explain', '--api', api]);

describe('heimdall query --explain', () => {
  test('says which upstream was asked, and afterwards that the replica has kept it', async () => {
    const first = await explain('www.example.com');
    expect(first.code).toBe(0);
    expect(first.stdout).toContain('www.example.com. 300 IN A 192.0.2.1\n');
    expect(first.stdout).toMatch(
      /;; NOERROR after \d+\.\d\d ms\n;; upstream: asked of an upstream/,
    );
    expect(first.stdout).toContain(`;; by ${upstream.text}\n`);
    const second = await explain('www.example.com');
    expect(second.stdout).toContain(';; l1: kept in the memory of this replica\n');
  });

  test('says that a name is known here, and for what reason', async () => {
    const { code, stdout } = await explain('localhost', 'AAAA');
    expect(code).toBe(0);
    expect(stdout).toMatch(/localhost\. \d+ IN AAAA ::1\n;; NOERROR .*\n;; local: known here/);
  });

  test('says why there is no answer, and fails', async () => {
    const { code, stdout } = await explain('broken.example.com');
    expect(code).toBe(1);
    expect(stdout).toMatch(/;; SERVFAIL after .*\n;; failure: no upstream/);
    expect(stdout).toContain(';; extended error ');
  });

  test('--json gives the report as data, names of addresses included', async () => {
    const { stdout } = await explain('-x', '8.8.4.4', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ layer: 'upstream', detail: upstream.text });
    expect(upstream.queries.at(-1)).toMatchObject({ type: 'PTR' });
  });

  test('refuses what does not go with it, and says so when there is no replica', async () => {
    for (const other of [['--tcp'], ['--dnssec'], ['--server', '127.0.0.1']]) {
      const { code, stderr } = await explain('example.com', ...other);
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(/explain/) });
    }
    const nobody = await run(['query', 'a.example', '--explain', '--api', 'http://127.0.0.1:1']);
    expect(nobody).toMatchObject({ code: 4, stderr: expect.stringContaining('admin API') });
  });
});

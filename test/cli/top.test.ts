import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formatAddress } from '../../src/base/address.ts';
import { parseMetricsPage } from '../../src/cli/metrics-page.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { run } from './recorded-io.ts';

let upstream: ScriptedUpstream;
let replica: TestReplica;
let api: string;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    script: ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', 300)] }),
  });
  replica = await startReplica({ upstreams: [upstream.text] });
  const { httpAddress } = replica.replica;
  api = `http://${httpAddress === undefined ? '' : formatAddress(httpAddress)}`;
  for (const name of ['a.example', 'b.example', 'a.example', 'a.example']) {
    await replica.ask({ name });
  }
});
afterAll(async () => {
  await Promise.all([replica.stop(), upstream.stop()]);
});

describe('heimdall top', () => {
  test('shows what a replica does, and what is asked of it most', async () => {
    const { code, stdout } = await run(['top', '--api', api, '--times', '1']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /QUERIES +PER SECOND +SERVFAIL +ENTRIES +UPSTREAMS UP\n4 +- +0\.0% +2 +1 of 1/,
    );
    expect(stdout).toMatch(/LAYER +TOTAL +SHARE\n(?:l1|upstream) +2 +50\.0%/);
    expect(stdout).toMatch(/NOERROR +4 +100\.0%/);
    expect(stdout).toMatch(/MOST ASKED +TYPE +HITS\na\.example\. +A +2/);
  });

  test('says the rate from the second look on, and clears the screen only for people', async () => {
    const { stdout } = await run(['top', '--api', api, '--times', '2', '--interval', '0.05']);
    expect(stdout.match(/QUERIES +PER SECOND/g)).toHaveLength(2);
    expect(stdout).toMatch(/\n4 +0 +0\.0%/);
    expect(stdout).not.toContain('\u001b');
  });

  test('totals of a cluster that is none, and a replica that is none, are refused with the reason', async () => {
    const alone = await run(['top', '--api', api, '--cluster', '--times', '1']);
    expect(alone.code).not.toBe(0);
    expect(alone.stderr).toContain('/metrics/cluster answered with HTTP status 404');
    const nobody = await run(['top', '--api', 'http://127.0.0.1:1', '--times', '1']);
    expect(nobody.stderr).toContain('cannot reach the admin API');
    expect((await run(['top', '--interval', '0'])).code).toBe(2);
  });
});

test('a page of metrics is read with its labels, escapes and all', () => {
  const text = '# HELP a b\na{x="1",y="q\\"uo\\\\te"} 2.5\nb 1e3\nnonsense\n';
  expect(parseMetricsPage(text)).toEqual([
    { name: 'a', labels: { x: '1', y: 'q"uo\\te' }, value: 2.5 },
    { name: 'b', labels: {}, value: 1000 },
  ]);
});

import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UdpClient } from '../support/dns-clients.ts';
import { memberStartMs, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { encodeQuery } from '../support/messages.ts';
import { installed, ReplicaProcess } from '../support/processes.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  alerts,
  dashboardQueries,
  hastyRules,
  labelValuesOf,
  rules,
  seriesOf,
} from './monitoring.ts';
import { Prometheus } from './prometheus.ts';

describe('a real Prometheus that scrapes a replica and a member', () => {
  let upstream: ScriptedUpstream;
  let member: TestMember;
  let replica: ReplicaProcess;
  let prometheus: Prometheus;
  let asked = 0;

  beforeAll(async () => {
    upstream = await ScriptedUpstream.start({});
    member = await startMember({ jmx: true });
    replica = await ReplicaProcess.start({
      'upstream.servers': upstream.text,
      'upstream.loopDetection': 'false',
      'grid.members': member.address,
      'grid.clusterName': member.clusterName,
    });
    prometheus = await Prometheus.start(
      { heimdall: [hostOf(replica.api)], 'heimdall-member': [hostOf(member.metricsUrl)] },
      hastyRules(),
    );
    await waitFor('both to be scraped', async () => {
      const up = await prometheus.query('sum(up) + sum(hazelcast_cluster_members)');
      return up[0]?.value[1] === '3';
    });
    await ask(20);
    // A member renews its metrics every 5 s, and a rate takes two samples.
    for (const expression of [
      'hazelcast_operations_completed_total',
      'rate(hazelcast_operations_completed_total[1m])',
    ]) {
      await waitFor(expression, async () => (await prometheus.query(expression)).length > 0);
    }
  }, memberStartMs);

  afterAll(async () => {
    member.thaw();
    await prometheus.stop();
    await replica.stop();
    await member.kill9();
    await upstream.stop();
  }, memberStartMs);

  /** Asks for names that nobody has asked for; does not wait for answers. */
  async function ask(count: number): Promise<void> {
    const client = new UdpClient(replica.address);
    for (let at = 0; at < count; at += 1) {
      client.send(encodeQuery({ name: `name${String((asked += 1))}.example` }));
    }
    await waitFor('the queries to arrive', async () => {
      const metric = 'heimdall_queries_total{transport="udp",type="A"}';
      return ((await replica.metric(metric)) ?? 0) >= asked;
    });
    await client.close();
  }

  async function firing(alert: string): Promise<boolean> {
    const found = await prometheus.query(`ALERTS{alertname="${alert}",alertstate="firing"}`);
    return found.length > 0;
  }

  test('evaluates every rule, and no alert fires while all is well', async () => {
    await waitFor('all rules to be evaluated', async () => {
      const states = await prometheus.rules();
      return states.length === rules().length && states.every(({ health }) => health === 'ok');
    });
    for (const { expr } of alerts()) expect(await prometheus.query(expr)).toEqual([]);
  });

  test('reads pages that promtool finds no fault with, of a replica and of a member', async () => {
    for (const url of [`${replica.api}/metrics`, member.metricsUrl]) {
      const text = await (await fetch(url)).text();
      // What prom-client tells of every Node.js program has names of its own making.
      const own = /^(?:# (?:HELP|TYPE) )?(?:heimdall|hazelcast)_/;
      const lines = text.split('\n').filter((line) => own.test(line));
      expect(lines.length).toBeGreaterThan(50);
      const { status, stdout, stderr } = spawnSync(
        installed('promtool', 'prometheus'),
        ['check', 'metrics'],
        { input: `${lines.join('\n')}\n`, encoding: 'utf8' },
      );
      expect(stdout + stderr).toBe('');
      expect(status).toBe(0);
    }
  });

  test('finds the series of every rule and of every panel of the dashboard', async () => {
    const names = new Set(await prometheus.metricNames());
    const recorded = rules().flatMap(({ record = '' }) => record.split(':'));
    const queries = [...rules().map(({ expr }) => expr), ...dashboardQueries()];
    const missing = queries
      .flatMap(seriesOf)
      .filter((name) => !recorded.includes(name))
      .filter((name) => !names.has(name) && !names.has(name.replace(/_(?:bucket|count|sum)$/, '')));
    expect(missing).toEqual([]);
  });

  test('finds the values of labels that rules and dashboard name', async () => {
    const queries = [...rules().map(({ expr }) => expr), ...dashboardQueries()];
    const wanted = queries.flatMap(labelValuesOf);
    expect(wanted.length).toBeGreaterThan(10);
    for (const { label, value } of wanted) {
      expect(await prometheus.labelValues(label, '{__name__!=""}')).toContain(value);
    }
  });

  test('draws something for nearly every query of the dashboard', async () => {
    const drawn = await Promise.all(dashboardQueries().map((query) => prometheus.query(query)));
    const empty = dashboardQueries().filter((_query, at) => drawn[at]?.length === 0);
    // What happens seldom is drawn when it happens: series without a value, or "> 0".
    expect(empty.filter((query) => !/> 0$|shed|blocked|predicted/.test(query))).toEqual([]);
  });

  test('an upstream that stops answering fires "upstream down"; when it is back, the alert ends', async () => {
    upstream.script = () => undefined;
    // Two rules, each evaluated at a moment of its own.
    for (const alert of ['HeimdallUpstreamDown', 'HeimdallAllUpstreamsDown']) {
      await waitFor(alert, async () => {
        await ask(5);
        return firing(alert);
      });
    }
    upstream.script = ({ name }) => ({
      answers: [{ type: 'A', name, ttl: 300, data: '192.0.2.1' }],
    });
    await waitFor('its end', async () => !(await firing('HeimdallUpstreamDown')));
  }, 60_000);

  test('a member that freezes fires "grid breaker open"; thawed, the alert ends', async () => {
    member.freeze();
    await waitFor('the alert', async () => {
      await ask(15);
      return firing('HeimdallGridBreakerOpen');
    });
    member.thaw();
    await waitFor('its end', async () => {
      await ask(5);
      return !(await firing('HeimdallGridBreakerOpen'));
    });
  }, 60_000);
});

function hostOf(url: string): string {
  return new URL(url).host;
}

/**
 * `npm run picture`: the dashboard of k8s/monitoring as docs/pictures/dashboard.png. Three replicas and
 * three members run for five minutes under load, while an upstream falls silent and a member freezes; a
 * real Prometheus answers each query of each panel. Needs Java, and the packages prometheus, dnsperf and
 * chromium.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { hastyRules } from '../kubernetes/monitoring.ts';
import { Prometheus } from '../kubernetes/prometheus.ts';
import { launchBrowser } from '../support/browser.ts';
import { startCluster } from '../support/member.ts';
import { installed, ReplicaProcess, TestProcess } from '../support/processes.ts';
import { addressRecord, ScriptedUpstream, soaRecord } from '../support/scripted-upstream.ts';
import type { Script } from '../support/scripted-upstream.ts';
import { projectRoot } from '../support/source-files.ts';
import { dashboardPage, pageWidth } from './dashboard-page.ts';
import type { Fault } from './panel.ts';

const file = join(projectRoot, 'docs/pictures/dashboard.png');
/** How long all is well: before, between and after the faults. */
const quietMs = 75_000;
const faultMs = 40_000;
const names = 3_000;

/** Answers that live half a minute to five; one name in ten does not exist. */
const script: Script = ({ name, type }) => {
  const number = Number(/\d+/.exec(name)?.[0] ?? 0);
  if (number % 10 === 7) return { code: 3, authorities: [soaRecord('example', 60, 60)] };
  if (type !== 'A') return { authorities: [soaRecord('example', 60, 60)] };
  return {
    delayMs: 2 + (number % 9),
    answers: [addressRecord(name, '192.0.2.1', 30 + (number % 270))],
  };
};

const folder = mkdtempSync(join(tmpdir(), 'heimdall-picture-'));
const upstreams = [
  await ScriptedUpstream.start({ script }),
  await ScriptedUpstream.start({ script }),
];
const members = await startCluster(3, { jmx: true });
const replicas = await Promise.all(
  [1, 2, 3].map((number) =>
    ReplicaProcess.start({
      'upstream.servers': upstreams.map(({ text }) => text).join(),
      'upstream.loopDetection': 'false',
      'grid.members': members.map(({ address }) => address).join(),
      'grid.clusterName': members[0]?.clusterName ?? '',
      'grid.replicaId': `replica-${String(number)}`,
    }),
  ),
);
const hosts = (urls: readonly string[]): string[] => urls.map((url) => new URL(url).host);
const prometheus = await Prometheus.start(
  {
    heimdall: hosts(replicas.map(({ api }) => api)),
    'heimdall-member': hosts(members.map(({ metricsUrl }) => metricsUrl)),
  },
  hastyRules(),
  '2s',
);

/** Names by popularity: the one of rank n is asked for 1/n as often as the first. */
function writeQueries(): string {
  const types = ['A', 'A', 'A', 'AAAA', 'A', 'HTTPS', 'A', 'MX'];
  const queries = Array.from({ length: 50_000 }, (_, index) => {
    const rank = Math.floor(names ** Math.random());
    return `name${String(rank)}.example ${types[index % types.length] ?? 'A'}\n`;
  });
  writeFileSync(join(folder, 'queries'), queries.join(''));
  return join(folder, 'queries');
}

function startLoad(): TestProcess[] {
  const queries = writeQueries();
  return replicas.flatMap(({ address }) =>
    [
      ['-m', 'udp', '-Q', '400'],
      ['-m', 'tcp', '-Q', '60'],
    ].map((options) => {
      const server = ['-s', address.host, '-p', String(address.port)];
      const argv = [...server, '-d', queries, '-c', '8', '-l', '3600', ...options];
      return new TestProcess(installed('dnsperf', 'dnsperf'), argv, process.env);
    }),
  );
}

async function during(what: string, begin: () => void, end: () => void): Promise<Fault> {
  const startS = Date.now() / 1_000;
  begin();
  await pause(faultMs);
  end();
  return { what, startS, endS: Date.now() / 1_000 };
}

async function scene(): Promise<void> {
  const startS = Math.floor(Date.now() / 1_000);
  const load = startLoad();
  const [upstream] = upstreams;
  const [member] = members;
  await pause(quietMs);
  const silent = await during(
    'an upstream is silent',
    () => void (upstream === undefined || (upstream.script = () => undefined)),
    () => void (upstream === undefined || (upstream.script = script)),
  );
  await pause(quietMs);
  const frozen = await during(
    'a member is frozen',
    () => member?.freeze(),
    () => member?.thaw(),
  );
  await pause(quietMs);
  const time = { startS, endS: Math.floor(Date.now() / 1_000), stepS: 2 };
  await draw(await dashboardPage({ prometheus, faults: [silent, frozen], ...time }));
  await Promise.all(load.map((process) => process.kill()));
}

async function draw(html: string): Promise<void> {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.setViewportSize({ width: pageWidth, height: 1_000 });
    await page.setContent(html);
    await page.screenshot({ path: file, fullPage: true });
  } finally {
    await browser.close();
  }
}

try {
  await scene();
  process.stdout.write(`${file}\n`);
} finally {
  await prometheus.stop();
  await Promise.all(replicas.map((replica) => replica.stop()));
  await Promise.all(members.map((member) => member.kill9()));
  await Promise.all(upstreams.map((upstream) => upstream.stop()));
  rmSync(folder, { recursive: true });
}

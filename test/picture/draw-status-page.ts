/**
 * `npm run picture:status`: the status page as docs/pictures/status-*.png. Three replicas on a grid of one
 * member, first with all well, in light and in dark, then with one replica ended and one upstream silent.
 * Needs Java, and the packages dnsperf and chromium.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Cluster } from '../cluster/cluster.ts';
import { launchBrowser } from '../support/browser.ts';
import type { Page } from '../support/browser.ts';
import { startMember } from '../support/member.ts';
import { installed, TestProcess } from '../support/processes.ts';
import { addressRecord, ScriptedUpstream, soaRecord } from '../support/scripted-upstream.ts';
import type { Script } from '../support/scripted-upstream.ts';
import { projectRoot } from '../support/source-files.ts';

const names = 2000;
/** Until figures have a past, and until what went wrong is agreed on. */
const sceneMs = 20_000;
const page = { width: 1180, height: 900 };

const script: Script = ({ name, type }) => {
  const number = Number(/\d+/.exec(name)?.[0] ?? 0);
  if (number % 10 === 7) return { code: 3, authorities: [soaRecord('example', 60, 60)] };
  if (type !== 'A') return { authorities: [soaRecord('example', 60, 60)] };
  return { delayMs: 2 + (number % 9), answers: [addressRecord(name, '192.0.2.1', 60)] };
};

const folder = mkdtempSync(join(tmpdir(), 'heimdall-picture-'));
const upstreams = [
  await ScriptedUpstream.start({ script }),
  await ScriptedUpstream.start({ script }),
];
const member = await startMember();
const cluster = await Cluster.start({ replicas: 3, upstreams, member });
const browser = await launchBrowser();

/** Names by popularity: the one of rank n is asked for 1/n as often as the first. */
function writeQueries(): string {
  const queries = Array.from({ length: 30_000 }, () => {
    const rank = Math.floor(names ** Math.random());
    return `name${String(rank)}.example A\n`;
  });
  const file = join(folder, 'queries');
  writeFileSync(file, queries.join(''));
  return file;
}

function startLoad(): TestProcess[] {
  const queries = writeQueries();
  return cluster.replicas.map(({ address }) => {
    const server = ['-s', address.host, '-p', String(address.port)];
    const argv = [...server, '-d', queries, '-c', '4', '-l', '600', '-Q', '200'];
    return new TestProcess(installed('dnsperf', 'dnsperf'), argv, process.env);
  });
}

async function draw(shown: Page, name: string): Promise<void> {
  const path = join(projectRoot, `docs/pictures/${name}.png`);
  await shown.screenshot({ path, fullPage: true });
  process.stdout.write(`${path}\n`);
}

async function scene(): Promise<void> {
  const load = startLoad();
  const shown = await browser.newPage();
  await shown.setViewportSize(page);
  await shown.goto(`${cluster.replica(0).api}/`);
  await pause(sceneMs);
  await draw(shown, 'status-light');
  await shown.emulateMedia({ colorScheme: 'dark' });
  await draw(shown, 'status-dark');
  await shown.emulateMedia({ colorScheme: 'light' });
  await cluster.replica(2).kill();
  const [, silent] = upstreams;
  if (silent !== undefined) silent.script = () => undefined;
  await pause(sceneMs);
  await draw(shown, 'status-trouble');
  await Promise.all(load.map((process) => process.kill()));
}

try {
  await scene();
} finally {
  await browser.close();
  await cluster.stop();
  await Promise.all([member.kill9(), ...upstreams.map((upstream) => upstream.stop())]);
  rmSync(folder, { recursive: true });
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadCounts } from '../cluster/dnsperf.ts';
import { comesTrue } from '../kubernetes/checks.ts';
import type { Checks } from '../kubernetes/checks.ts';
import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { renderOverlay } from '../kubernetes/manifests.ts';
import type { Clients } from './clients.ts';
import { Fleet, namespace } from './fleet.ts';
import { added, Load } from './load.ts';

/** For an overlay to come up, or a roll-out to end: five times what it takes on two idle cores. */
const patienceMs = 600_000;
/** For what is told every 5 s, on a page that is renewed every 5 s. */
const toldMs = 40_000;
/** Until members have renewed their figures. */
const renewedMs = 12_000;
const askedNames = 200;
/** Names that are asked for before pods are replaced, and not again: lost, they would stay lost. */
const keptNames = 300;
const questions = 'heimdall_queries_total{transport="udp",type="A"}';
const answers = 'heimdall_responses_total{code="NOERROR",transport="udp"}';
/**
 * Of all queries. When kube-proxy takes a client's flow from a pod, an answer that is under way just then
 * finds no way back: the totals at the end show that the pod had given it.
 */
const lostShareMax = 0.001;

interface Setting {
  readonly overlay: 'sidecar' | 'grid';
  readonly plane: ControlPlane;
  readonly checks: Checks;
  readonly clients: Clients;
  readonly folder: string;
}

/** One overlay from nothing to its end: what changes while clients ask, and what may not. */
export class OverlayChecks {
  readonly fleet: Fleet;
  readonly #setting: Setting;
  /** What has the resolvers, as kubectl names it. */
  readonly #workload: string;
  #loads: LoadCounts[] = [];
  /** What had been counted before the load, by series. */
  #before = new Map<string, number>();
  #told = '';

  constructor(setting: Setting) {
    this.#setting = setting;
    this.fleet = new Fleet(setting.plane);
    this.#workload = setting.overlay === 'sidecar' ? 'statefulset/heimdall' : 'deployment/heimdall';
  }

  async run(): Promise<void> {
    const { overlay, checks } = this.#setting;
    checks.title(`k8s/${overlay} from nothing`);
    await this.#comesUp();
    const hasResolved = await this.resolves();
    const ways = 'C library, own resolver, TCP';
    checks.that(`pods resolve names through the Service: ${ways}`, hasResolved, this.#told);
    this.#tells('cluster', /(?:\n[\d.]+:5701 .*){3}\n\n/);
    this.#tells('upstreams', /9\.9\.9\.9:53 .* up /);
    checks.title(`k8s/${overlay}: pods are replaced while clients ask`);
    await this.#fills();
    await this.#underLoad('a roll-out of all resolvers', () => this.#rollsOut(this.#workload));
    if (overlay === 'grid') {
      const members = 'statefulset/heimdall-grid';
      await this.#underLoad('a roll-out of all members', () => this.#rollsOut(members));
    }
    await this.#underLoad('from 3 to 5', () => this.#scales(5));
    await this.#underLoad('from 5 to 2', () => this.#scales(2));
    await this.#keptAndCounted();
  }

  apply(): void {
    const argv = ['apply', '--server-side', '--force-conflicts', '--validate=strict', '-f', '-'];
    this.#setting.plane.must(argv, renderOverlay(this.#setting.overlay));
  }

  async remove(): Promise<void> {
    this.#setting.plane.must(['delete', 'namespace', namespace, '--wait=false']);
    const { plane, checks } = this.#setting;
    const isGone = await comesTrue(
      () => !plane.kubectl(['get', 'namespace', namespace]).isOk,
      patienceMs,
    );
    checks.that('deleted, it is gone', isGone);
  }

  /** Whether there are so many resolvers, ready, and all agree on the number of members. */
  isWhole(replicas: number, members: number, withinMs = patienceMs): Promise<boolean> {
    return comesTrue(async () => {
      if (!this.fleet.isComplete(replicas)) return false;
      const sizes = await this.fleet.sizes();
      return sizes.length > replicas && sizes.every((size) => size === members);
    }, withinMs);
  }

  async #comesUp(): Promise<void> {
    const { checks } = this.#setting;
    const startedAtMs = performance.now();
    this.apply();
    const isWhole = await this.isWhole(3, 3);
    const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0);
    const sizes = (await this.fleet.sizes()).join(', ');
    checks.that(
      'three resolvers ready, three members in one cluster',
      isWhole,
      `${sizes}; ${seconds} s`,
    );
  }

  /** A command of the runbook, in a pod as it has it: with the overlay's own rights, by loopback. */
  #tells(command: string, pattern: RegExp): void {
    const where = ['-n', namespace, this.#workload, '-c', 'heimdall'];
    const program = ['node', 'dist/main.js', command];
    const { isOk, text } = this.#setting.plane.kubectl(['exec', ...where, '--', ...program]);
    const does = isOk && pattern.test(text);
    this.#setting.checks.that(`kubectl exec: heimdall ${command}`, does, does ? '' : text);
  }

  /** Whether three pods are told the same by the Service, whichever way they ask. */
  async resolves(): Promise<boolean> {
    const told = await this.#setting.clients.ask(this.fleet.service, 3);
    this.#told = told.join('; ');
    return told.length === 3 && told.every((one) => one === '192.0.2.1 192.0.2.1 192.0.2.1');
  }

  /** Puts into the shared cache what is looked for at the end. */
  async #fills(): Promise<void> {
    for (const series of [questions, answers]) {
      this.#before.set(series, await this.fleet.counted(series));
    }
    this.#writeNames('kept', keptNames);
    this.#writeNames('asked', askedNames);
    this.#loads = [];
    // Sharing may fail for a few while members have only just started: others ask again, and share.
    const isFilled = await comesTrue(async () => {
      this.#loads.push(await this.#load('kept').once(), await this.#load('asked').once());
      return comesTrue(() => this.#isShared(), renewedMs);
    }, patienceMs);
    const count = await this.fleet.sharedEntries();
    this.#setting.checks.that('the shared cache is filled', isFilled, `${String(count)} answers`);
  }

  async #isShared(): Promise<boolean> {
    return (await this.fleet.sharedEntries()) >= keptNames + askedNames;
  }

  async #underLoad(what: string, change: () => Promise<boolean>): Promise<void> {
    const startedAtMs = performance.now();
    const load = this.#load('asked');
    load.start();
    const isDone = await change();
    const counts = await load.stop();
    this.#loads.push(counts);
    const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0);
    this.#setting.checks.that(what, isDone, `${seconds} s`);
    const answered = counts.codes['NOERROR'] ?? 0;
    this.#setting.checks.that(
      'clients got their answers, none of them an error',
      counts.lost <= answered * lostShareMax && answered === counts.completed && answered > 0,
      `${JSON.stringify(counts.codes)}, ${String(counts.lost)} lost on the way`,
    );
  }

  async #rollsOut(workload: string): Promise<boolean> {
    const { plane } = this.#setting;
    const before = new Set(this.fleet.identities());
    plane.must(['rollout', 'restart', workload, '-n', namespace]);
    const status = ['rollout', 'status', workload, '-n', namespace, '--watch=false'];
    const isDone = await comesTrue(
      () => /successfully rolled out|rolling update complete/.test(plane.kubectl(status).text),
      patienceMs,
    );
    const replaced = this.fleet.identities().filter((one) => !before.has(one)).length;
    return isDone && replaced === 3 && (await this.isWhole(3, 3));
  }

  /** By the bounds of the autoscaler: whoever sets the number himself is overruled by it. */
  async #scales(replicas: number): Promise<boolean> {
    const bounds = JSON.stringify({ spec: { minReplicas: replicas, maxReplicas: replicas } });
    const patch = ['patch', 'hpa', 'heimdall', '-n', namespace, '--type=merge', '-p', bounds];
    this.#setting.plane.must(patch);
    return this.isWhole(replicas, this.#setting.overlay === 'sidecar' ? replicas : 3);
  }

  async #keptAndCounted(): Promise<void> {
    const { checks } = this.#setting;
    const isKept = await comesTrue(() => this.#isShared(), toldMs);
    const entries = await this.fleet.sharedEntries();
    checks.that('every answer in the shared cache is still there', isKept, String(entries));
    const { completed, lost } = added(this.#loads);
    const gone = 'with what those counted that are gone';
    await this.#counted(
      `every query that was sent was counted, ${gone}`,
      questions,
      completed + lost,
    );
    await this.#counted('every query was answered without an error', answers, completed + lost);
  }

  /** Whether the totals, as each replica tells them, are what they were and so many more. */
  async #counted(what: string, series: string, more: number): Promise<void> {
    const wanted = (this.#before.get(series) ?? 0) + more;
    const isExact = await comesTrue(async () => {
      const totals = await this.fleet.totals(series);
      return totals.length > 0 && totals.every((total) => total === wanted);
    }, toldMs);
    const [own, totals] = [await this.fleet.counted(series), await this.fleet.totals(series)];
    const detail = `${totals.join(', ')} told, ${String(wanted)} expected`;
    const rest = `${String(own)} of them by those that still run`;
    this.#setting.checks.that(what, isExact, `${detail}, ${rest}`);
  }

  #load(names: 'kept' | 'asked'): Load {
    return new Load(this.fleet.service, join(this.#setting.folder, names));
  }

  #writeNames(kind: 'kept' | 'asked', count: number): void {
    const lines = Array.from(
      { length: count },
      (_, index) => `${kind}${String(index)}.example A\n`,
    );
    writeFileSync(join(this.#setting.folder, kind), lines.join(''));
  }
}

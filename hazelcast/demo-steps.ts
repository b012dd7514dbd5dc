import { sleep } from '../src/base/clock.ts';
import type { Clock } from '../src/base/clock.ts';
import type { DemoAnswer, DemoReplica } from './demo-replica.ts';
import type { DemoUpstream } from './demo-upstream.ts';

/** Everything that the demonstration has started. */
export interface DemoWorld {
  readonly clock: Clock;
  readonly replicas: readonly DemoReplica[];
  /** In the order in which replicas prefer them. */
  readonly upstreams: readonly [DemoUpstream, DemoUpstream];
  /** Tells a line. */
  readonly tell: (line: string) => void;
}

/** Shows one thing. @returns whether it was as it must be */
export type DemoStep = (world: DemoWorld) => Promise<boolean>;

const pollMs = 50;
/** Replicas publish totals every second here; a change of health is told at once. */
const patienceMs = 15_000;
/** A name asked of the others goes to the grid behind the answer. */
const sharedAfterMs = 100;

function upstreamQueries({ upstreams }: DemoWorld, name: string): number {
  return upstreams.reduce((sum, upstream) => sum + upstream.timesAsked(name), 0);
}

function told(replica: DemoReplica, { address, layer, timeMs }: DemoAnswer): string {
  const from = { l1: 'its own memory', l2: 'the grid', upstream: 'the upstream' }[layer] ?? layer;
  return `  ${replica.name} answers ${address} from ${from} in ${timeMs.toFixed(1)} ms`;
}

async function until(world: DemoWorld, probe: () => Promise<boolean>): Promise<boolean> {
  const endMs = world.clock.nowMs() + patienceMs;
  while (!(await probe())) {
    if (world.clock.nowMs() > endMs) return false;
    await sleep(world.clock, pollMs);
  }
  return true;
}

/** A name asked of one is served by the others. */
const sharing: DemoStep = async (world) => {
  const name = 'shared.demo.example';
  world.tell(`\n1. What one replica learns, all know. Asking one after the other for ${name}:`);
  const layers: string[] = [];
  for (const replica of world.replicas) {
    const answer = await replica.ask(name);
    layers.push(answer.layer);
    world.tell(told(replica, answer));
    await sleep(world.clock, sharedAfterMs);
  }
  const queries = upstreamQueries(world, name);
  world.tell(`  The upstreams were asked ${times(queries)}.`);
  return queries === 1 && layers.slice(1).every((layer) => layer === 'l2');
};

/** A new name asked of all at once is fetched by one. */
const deduplication: DemoStep = async (world) => {
  const name = 'at-once.demo.example';
  world.tell(`\n2. One question, one fetch. Asking all at the same instant for ${name}:`);
  const asked = world.replicas.map(async (replica) => told(replica, await replica.ask(name)));
  for (const line of await Promise.all(asked)) world.tell(line);
  const queries = upstreamQueries(world, name);
  world.tell(`  The upstreams were asked ${times(queries)}.`);
  return queries === 1;
};

interface UpstreamView {
  readonly server: string;
  readonly state: string;
  readonly agreed: string;
}

async function viewOf(replica: DemoReplica, server: string): Promise<UpstreamView | undefined> {
  const text = await replica.page('/api/v1/upstreams');
  const { upstreams } = JSON.parse(text) as { readonly upstreams: readonly UpstreamView[] };
  return upstreams.find((view) => view.server.endsWith(server));
}

/** The first upstream falls silent: two replicas find out, the third one hears of it. */
const health: DemoStep = async (world) => {
  const [first] = world.upstreams;
  world.tell(`\n3. An upstream fails. ${first.text} falls silent now; two replicas have traffic:`);
  const stoppedMs = world.clock.nowMs();
  first.isStopped = true;
  const heard = world.replicas.map(async (replica, index) => {
    const hasTraffic = index < world.replicas.length - 1;
    const isAvoided = await until(world, async () => {
      const number = String(first.asked.length);
      if (hasTraffic) await replica.ask(`n${number}-${replica.name}.demo.example`);
      const view = await viewOf(replica, first.text);
      return hasTraffic ? view?.state === 'down' : view?.agreed === 'down';
    });
    const afterMs = (world.clock.nowMs() - stoppedMs).toFixed(0);
    const how = hasTraffic ? 'found it out by itself' : 'was told by the others';
    world.tell(
      isAvoided ? `  ${replica.name} ${how} after ${afterMs} ms` : `  ${replica.name}: no`,
    );
    return isAvoided;
  });
  const all = await Promise.all(heard);
  for (const replica of world.replicas) {
    world.tell(told(replica, await replica.ask(`after-${replica.name}.demo.example`)));
  }
  first.isStopped = false;
  world.tell(`  ${first.text} answers again, and will be found by a probe.`);
  return all.every(Boolean);
};

/** All samples of a counter in a page of metrics, added up; undefined where there is none. */
function total(page: string, metric: string): number | undefined {
  const samples = page.split('\n').filter((line) => line.startsWith(`${metric}{`));
  if (samples.length === 0) return undefined;
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** The totals of the cluster are the sum of what the replicas counted. */
const totals: DemoStep = async (world) => {
  const metric = 'heimdall_queries_total';
  const pages = await Promise.all(world.replicas.map((replica) => replica.page('/metrics')));
  const counts = pages.map((page) => total(page, metric) ?? 0);
  const sum = counts.reduce((one, other) => one + other, 0);
  world.tell(
    `\n4. Totals add up. ${metric} of the replicas: ${counts.join(' + ')} = ${String(sum)}`,
  );
  let ofCluster: number | undefined;
  const areEqual = await until(world, async () => {
    const page = (await world.replicas[0]?.page('/metrics/cluster')) ?? '';
    ofCluster = total(page, metric);
    return ofCluster === sum;
  });
  world.tell(`  /metrics/cluster, by any of them: ${String(ofCluster ?? 'nothing yet')}`);
  return areEqual;
};

function times(count: number): string {
  return count === 1 ? 'once' : `${String(count)} times`;
}

export const demoSteps: readonly DemoStep[] = [sharing, deduplication, health, totals];

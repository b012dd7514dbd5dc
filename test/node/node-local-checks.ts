import { Resolver } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { comesTrue } from '../kubernetes/checks.ts';
import type { Checks } from '../kubernetes/checks.ts';
import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { at, renderOverlay } from '../kubernetes/manifests.ts';
import type { Clients } from './clients.ts';
import { Fleet, namespace } from './fleet.ts';
import { Load } from './load.ts';

/** For the overlay to come up, to be replaced, and to go. */
const patienceMs = 300_000;
const publicNames = Array.from({ length: 10 }, (_, index) => `host${String(index)}.example`);
/** Each is asked for with three ends before it is asked for as it is. */
const searchedCount = publicNames.length * 3;
const cuts = 'heimdall_cache_search_cuts_total';

interface Setting {
  readonly plane: ControlPlane;
  readonly checks: Checks;
  readonly clients: Clients;
  readonly folder: string;
}

/** The node's resolver as the nameserver of its pods, with CoreDNS behind it. */
export async function checkNodeLocal(setting: Setting): Promise<void> {
  const { plane, checks } = setting;
  const fleet = new Fleet(plane);
  checks.title('k8s/node-local: the nameserver of its pods, CoreDNS behind it');
  plane.must(
    ['apply', '--server-side', '--validate=strict', '-f', '-'],
    renderOverlay('node-local'),
  );
  const isUp = await comesTrue(() => fleet.isComplete(1), patienceMs);
  // kube-proxy hears of it a moment later.
  const isServed = await comesTrue(() => answers(fleet.service), patienceMs);
  checks.that('one resolver ready on the node, and reached by its Service', isUp && isServed);
  await checkSearchLists(setting, fleet);
  await checkUpdate(setting, fleet);
  plane.must(['delete', 'namespace', namespace, '--wait=false']);
  const isGone = (): boolean => !plane.kubectl(['get', 'namespace', namespace]).isOk;
  checks.that('deleted, it is gone', await comesTrue(isGone, patienceMs));
}

async function answers(address: string): Promise<boolean> {
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([address]);
  const found = await resolver.resolve4('ready.example').catch(() => []);
  return found.length > 0;
}

async function checkSearchLists(setting: Setting, fleet: Fleet): Promise<void> {
  const { plane, checks, clients } = setting;
  const told = await clients.search(fleet.service, [
    'kubernetes.default',
    'heimdall-http.heimdall',
  ]);
  const http = plane
    .list('services', namespace)
    .find(({ metadata }) => metadata.name === 'heimdall-http');
  const wanted = ['10.96.0.1', String(at(http, 'spec.clusterIP'))];
  checks.that(
    'a pod finds Services by their short names',
    told.join() === wanted.join(),
    told.join(', '),
  );
  const before = await coredns(fleet);
  const found = await clients.search(fleet.service, publicNames);
  checks.that(
    'it finds ten names of the public, ndots:5',
    found.length === publicNames.length && found.every((one) => one === '192.0.2.1'),
  );
  const saved = await fleet.counted(cuts);
  const asked = (await coredns(fleet)) - before;
  checks.that(
    'what its search list made of them cost CoreDNS next to nothing',
    saved >= searchedCount && asked <= searchedCount / 3,
    `${String(saved)} answered from the absence of a name above, ${String(asked)} questions to CoreDNS`,
  );
}

/** What CoreDNS has answered for the cluster's own names. */
async function coredns(fleet: Fleet): Promise<number> {
  const codes = ['NOERROR', 'NXDOMAIN'].map(
    (code) => `heimdall_upstream_responses_total{code="${code}",server="10.96.0.10:53"}`,
  );
  const counts = await Promise.all(codes.map((series) => fleet.counted(series)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function checkUpdate({ plane, checks, folder }: Setting, fleet: Fleet): Promise<void> {
  const names = join(folder, 'node-local');
  writeFileSync(names, publicNames.map((name) => `${name} A\n`).join(''));
  const before = fleet.identities().join();
  const load = new Load(fleet.service, names);
  load.start();
  plane.must(['rollout', 'restart', 'daemonset/heimdall', '-n', namespace]);
  const isReplaced = await comesTrue(
    () => fleet.isComplete(1) && fleet.identities().join() !== before,
    patienceMs,
  );
  const { codes, completed, lost } = await load.stop();
  checks.that(
    'it is replaced under load: the new one is ready before the old one goes',
    isReplaced,
  );
  const answered = codes['NOERROR'] ?? 0;
  checks.that(
    'clients got their answers, none of them an error',
    answered === completed && answered > 0 && lost <= answered / 1_000,
    `${JSON.stringify(codes)}, ${String(lost)} lost on the way`,
  );
}

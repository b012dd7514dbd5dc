/**
 * `npm run test:kubernetes`: the manifests on a real control plane, with nodes that are simulated and
 * members of the grid that are not. The first run builds the control plane (six minutes on two cores).
 * Needs root, Go, OpenSSL and Java; prints a log in Markdown, ends with 1 when something failed.
 */
import { join } from 'node:path';
import { Checks, comesTrue } from './checks.ts';
import { ControlPlane } from './control-plane.ts';
import { prometheusCrds } from './fetched-programs.ts';
import { at, components, hazelcastCrds, overlays, renderOverlay, renderWith } from './manifests.ts';
import type { Manifest, Overlay } from './manifests.ts';
import { MemberPods } from './member-pods.ts';
import { QueriesMetric } from './queries-metric.ts';
import { SimulatedKubelet } from './simulated-kubelet.ts';

const namespace = 'heimdall';
const checks = new Checks();
const plane = new ControlPlane();

/** Pods of members have addresses that processes here can have; the others have any. */
function addressOf(pod: string): string {
  const [, member] = /^heimdall-grid-(\d)$/.exec(pod) ?? [];
  if (member !== undefined) return plane.podAddress(2 + Number(member));
  const hash = Buffer.from(pod).reduce((sum, octet) => (sum * 31 + octet) % 60_000, 7);
  return `10.244.${String(hash >> 8)}.${String(hash & 255)}`;
}

function applied(text: string, ...options: readonly string[]): { isOk: boolean; text: string } {
  const argv = ['apply', '--server-side', '--force-conflicts', '--validate=strict', ...options];
  return plane.kubectl([...argv, '-f', '-'], text);
}

/** An overlay with components in it. */
function renderedWith(overlay: Overlay, added: readonly string[]): string {
  return renderWith(overlay, added)
    .map((one) => JSON.stringify(one))
    .join('\n---\n');
}

function available(): number {
  const [found] = plane.list('deployments', namespace);
  return Number(at(found, 'status.availableReplicas') ?? 0);
}

async function checkAcceptance(): Promise<void> {
  checks.title('Every overlay, validated by the server, unknown fields refused');
  const monitoring = ['servicemonitors', 'podmonitors', 'prometheusrules'].map((name) =>
    join(prometheusCrds(), `monitoring.coreos.com_${name}.yaml`),
  );
  const definitions = [...monitoring, ...hazelcastCrds()];
  plane.must(['apply', '--server-side', ...definitions.flatMap((file) => ['-f', file])]);
  plane.must(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  plane.must(['create', 'namespace', namespace]);
  for (const overlay of overlays) {
    if (overlay === 'operator' && hazelcastCrds().length === 0) continue;
    const { isOk, text } = applied(renderOverlay(overlay), '--dry-run=server');
    checks.that(`k8s/${overlay}`, isOk, isOk ? `${String(text.split('\n').length)} objects` : text);
  }
  for (const overlay of ['sidecar', 'grid'] as const) {
    const { isOk, text } = applied(renderedWith(overlay, components), '--dry-run=server');
    checks.that(`k8s/${overlay} with every component`, isOk, isOk ? '' : text);
  }
  const breaks: readonly (readonly [Overlay, string, string])[] = [
    ['standalone', 'minReadySeconds:', 'minReadySecond:'],
    ['grid', 'publishNotReadyAddresses: true', 'publishNotReadyAddresses: maybe'],
    ['monitoring', 'interval: 15s', 'interval: 15 seconds'],
  ];
  for (const [overlay, from, to] of breaks) {
    const text = renderOverlay(overlay).replace(from, to);
    const argv = ['apply', '--server-side', '--validate=strict', '--dry-run=server', '-f', '-'];
    checks.that(`k8s/${overlay} with "${to}" is refused`, !plane.kubectl(argv, text).isOk);
  }
  if (hazelcastCrds().length > 0) checkOperatorRules();
}

/** What the schemas alone do not see: rules in the definitions themselves. */
function checkOperatorRules(): void {
  const text = renderOverlay('operator').replace('maxSize: 20000', 'maxSize: 10');
  const argv = ['apply', '--server-side', '--dry-run=server', '-f', '-'];
  const { isOk, text: said } = plane.kubectl(argv, text);
  checks.that('a Map of 10 entries a member is refused by its own rule', !isOk, lastLine(said));
}

function lastLine(text: string): string {
  return text.split('\n').at(-1) ?? '';
}

function checkRights(): void {
  checks.title('Rights: exactly what discovery asks');
  const may = (account: string, verb: string, what: string): boolean =>
    plane.kubectl([
      ...['auth', 'can-i', verb, what, '-n', namespace],
      `--as=system:serviceaccount:${namespace}:${account}`,
    ]).isOk;
  const allowed = [
    ...['list endpointslices.discovery.k8s.io', 'get endpoints/heimdall-peers'],
    ...['get pods', 'get services', 'get nodes'],
  ];
  const refused = [
    ...['get secrets', 'list secrets', 'list pods', 'delete pods', 'create pods', 'watch pods'],
    ...[
      'get endpoints',
      'list nodes',
      'get configmaps',
      'update services',
      'get statefulsets.apps',
    ],
  ];
  for (const right of [...allowed, ...refused]) {
    const [verb = '', what = ''] = right.split(' ');
    const wanted = allowed.includes(right);
    const found = may('heimdall-member', verb, what);
    checks.that(`a member may${wanted ? '' : ' not'} ${right}`, found === wanted);
  }
  const any = [...allowed, ...refused].filter((right) => {
    const [verb = '', what = ''] = right.split(' ');
    return may('heimdall', verb, what);
  });
  checks.that('a resolver may do none of these', any.length === 0, any.join(', '));
}

async function checkDiscovery(): Promise<void> {
  checks.title('Discovery by the API: real members in the pods of k8s/grid');
  const ready = await comesTrue(() => {
    const pods = plane.list('pods', namespace).filter(({ metadata }) => isMember(metadata.name));
    return pods.length === 3 && pods.every((pod) => at(pod, 'status.phase') === 'Running');
  }, 60_000);
  checks.that('the StatefulSet has three pods', ready);
  const pods = plane.list('pods', namespace).filter(({ metadata }) => isMember(metadata.name));
  const members = new MemberPods(plane);
  try {
    const startedAtMs = performance.now();
    await members.start(pods);
    const met = await comesTrue(
      async () => (await members.sizes()).every((size) => size === 3),
      60_000,
    );
    const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
    checks.that(
      'one cluster of three',
      met,
      `${(await members.sizes()).join(', ')} after ${seconds} s`,
    );
    checks.that('each knows the zone of its node', /zone-node-\d/.test(members.log));
    await members.stop();
    plane.must(['delete', 'rolebinding', 'heimdall-member', '-n', namespace]);
    await members.start(pods);
    const sizes = await members.sizes();
    checks.that(
      'without the right: ready all the same, three clusters of one',
      sizes.join() === '1,1,1',
      sizes.join(', '),
    );
    checks.that('that shows in their log', /403|Forbidden/i.test(members.log));
  } finally {
    await members.stop();
    members.remove();
  }
}

function isMember(pod: string): boolean {
  return /^heimdall-grid-\d$/.test(pod);
}

async function checkRollOut(): Promise<void> {
  checks.title('A roll-out of the resolvers');
  const begun = await comesTrue(() => available() === 3, 60_000);
  checks.that('the autoscaler makes three of one', begun, `${String(available())} available`);
  plane.must(['rollout', 'restart', 'deployment/heimdall', '-n', namespace]);
  let least = 3;
  const done = await comesTrue(() => {
    least = Math.min(least, available());
    const { text } = plane.kubectl([
      'rollout',
      'status',
      'deployment/heimdall',
      '-n',
      namespace,
      '--watch=false',
    ]);
    return text.includes('successfully rolled out');
  }, 120_000);
  checks.that(
    'it is done, with three of three available all the time',
    done && least === 3,
    `least ${String(least)}`,
  );
}

function resolvers(): readonly Manifest[] {
  return plane.list('pods', namespace).filter((pod) => {
    const labels = at(pod, 'metadata.labels') as Readonly<Record<string, string>>;
    return labels['app.kubernetes.io/component'] === 'resolver';
  });
}

async function checkEviction(): Promise<void> {
  checks.title('Eviction under the budget');
  plane.must(['cordon', 'node-1', 'node-2', 'node-3']); // successors stay pending
  // One that ends already, of the roll-out before, would be let go whatever the budget says.
  await comesTrue(() => resolvers().length === 3, 60_000);
  const pods = resolvers();
  const evict = async (name: string): Promise<number> => {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`;
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    const headers = { 'content-type': 'application/json' };
    const sent = { method: 'POST', headers, body: JSON.stringify(body) };
    return (await fetch(plane.url + path, sent)).status;
  };
  const [first, second] = pods.map(({ metadata }) => metadata.name);
  const codes = [await evict(first ?? ''), await evict(second ?? '')];
  checks.that(
    'the first may go, the second must wait',
    codes.join() === '201,429',
    codes.join(', '),
  );
  plane.must(['uncordon', 'node-1', 'node-2', 'node-3']);
  checks.that('all are back', await comesTrue(() => available() === 3, 60_000));
}

/** The metrics API, played by a definition: a metrics server would need real kubelets. */
const podMetrics = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'pods.metrics.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'unapproved, a test' },
  },
  spec: {
    group: 'metrics.k8s.io',
    names: {
      kind: 'PodMetrics',
      listKind: 'PodMetricsList',
      plural: 'pods',
      singular: 'podmetrics',
    },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1beta1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    ],
  },
};

/** Says that the resolvers share so much CPU, in thousandths. */
function load(total: number): void {
  const pods = resolvers();
  const cpu = `${String(Math.floor(total / pods.length))}m`;
  const items = pods.map(({ metadata }) => ({
    apiVersion: 'metrics.k8s.io/v1beta1',
    kind: 'PodMetrics',
    metadata: { name: metadata.name, namespace, labels: at({ metadata }, 'metadata.labels') },
    timestamp: new Date().toISOString(),
    window: '15s',
    containers: [{ name: 'heimdall', usage: { cpu, memory: '200Mi' } }],
  }));
  plane.must(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

async function checkScaling(): Promise<void> {
  checks.title('Scaling by CPU, and by queries per second');
  plane.must(['apply', '-f', '-'], JSON.stringify(podMetrics));
  plane.must(['wait', '--for=condition=Established', 'crd/pods.metrics.k8s.io', '--timeout=30s']);
  // Of 250m requested, 200 % are 500m: for three seconds a second it takes six.
  const cpu = 3_000;
  const grown = await comesTrue(() => {
    load(cpu);
    return available() === 6;
  }, 120_000);
  checks.that(
    'twice the CPU that is aimed at makes six of three',
    grown,
    `${String(available())} available`,
  );
  const queries = new QueriesMetric(plane, () => resolvers().map(({ metadata }) => metadata.name));
  await queries.start();
  try {
    queries.total = 180_000; // at 20,000 for each
    const { isOk, text } = applied(renderedWith('grid', ['queries-hpa']));
    checks.that('components/queries-hpa is applied', isOk, isOk ? '' : text);
    const more = await comesTrue(() => {
      load(cpu);
      return available() === 9;
    }, 120_000);
    checks.that(
      'half as many queries again as are aimed at make nine of six',
      more,
      `${String(available())} available`,
    );
  } finally {
    queries.stop();
  }
}

async function run(): Promise<void> {
  const startedAtMs = performance.now();
  await plane.start();
  const version = /gitVersion": "(v[\d.]+)/.exec(plane.must(['version', '-o', 'json']))?.[1] ?? '';
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
  checks.that(`control plane ${version} is up`, true, `${seconds} s`);
  const kubelet = new SimulatedKubelet(plane.url, addressOf);
  try {
    await kubelet.start(3);
    await checkAcceptance();
    const { isOk, text } = applied(renderOverlay('grid'));
    checks.that('k8s/grid is applied', isOk, isOk ? '' : text);
    checkRights();
    await checkDiscovery();
    await checkRollOut();
    await checkEviction();
    await checkScaling();
  } finally {
    await kubelet.stop();
  }
}

try {
  await run();
} finally {
  await plane.stop();
}
checks.finish();
process.exitCode = checks.failed === 0 ? 0 : 1;

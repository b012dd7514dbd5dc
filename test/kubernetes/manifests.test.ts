import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { memberValues, settingNames, variableOf } from '../../hazelcast/member-settings.ts';
import { loadConfig } from '../../src/config/load.ts';
import { fetchedMs } from './fetched-programs.ts';
import {
  at,
  containerOf,
  containersOf,
  environmentOf,
  find,
  manifestsRoot,
  memberOf,
  overlays,
  parseManifests,
  referencesAhead,
  renderOverlay,
  resolverOf,
  variable,
  workloads,
} from './manifests.ts';
import type { Manifest, Overlay } from './manifests.ts';
import { operatorLabels } from './operator-fields.ts';
import { ResourceSchemas } from './resource-schemas.ts';

const scratch = mkdtempSync(join(tmpdir(), 'heimdall-manifests-'));
const texts = new Map<Overlay, string>();
const manifests = new Map<Overlay, readonly Manifest[]>();
let schemas: ResourceSchemas;

beforeAll(() => {
  schemas = new ResourceSchemas();
  for (const overlay of overlays) {
    const text = renderOverlay(overlay);
    texts.set(overlay, text);
    manifests.set(overlay, parseManifests(text));
  }
}, fetchedMs);

afterAll(() => {
  schemas.remove();
  rmSync(scratch, { recursive: true });
});

function rendered(overlay: Overlay): readonly Manifest[] {
  return manifests.get(overlay) ?? [];
}

describe('the schemas of Kubernetes and of the operators', () => {
  test.each(overlays)('accept k8s/%s', (overlay) => {
    expect(schemas.complaints(texts.get(overlay) ?? '')).toBe('');
  });

  test('accept the example for CoreDNS', () => {
    const example = readFileSync(join(manifestsRoot, 'coredns/coredns.yaml'), 'utf8');
    expect(schemas.complaints(example)).toBe('');
  });

  test.each<readonly [Overlay, string, string, string]>([
    ['standalone', 'a misspelt field', 'minReadySeconds:', 'minReadySecond:'],
    ['standalone', 'a number that is text', 'failureThreshold: 60', 'failureThreshold: sixty'],
    ['sidecar', 'a field of another kind', 'updateStrategy:', 'strategy:'],
    ['grid', 'a selector that is missing', '  selector:\n    matchLabels:', '  labels:\n    x:'],
    ['monitoring', 'a time in words', 'interval: 15s', 'interval: 15 seconds'],
    ['monitoring', 'an alert without an expression', 'expr:', 'expression:'],
  ])('refuse in k8s/%s %s', (overlay, _what, from, to) => {
    const text = texts.get(overlay) ?? '';
    expect(text).toContain(from);
    expect(schemas.complaints(text.replace(from, to))).toMatch(/invalid|error/i);
  });
});

const podOverlays = overlays.filter((overlay) => overlay !== 'monitoring');
const gridOverlays = ['sidecar', 'grid'] as const;

describe.each(podOverlays)('pods of k8s/%s', (overlay) => {
  test('are what pod security "restricted" allows', () => {
    for (const workload of workloads(rendered(overlay))) {
      expect(at(workload, 'spec.template.spec.securityContext')).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const container of containersOf(workload)) {
        expect(container['securityContext']).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
      expect(at(workload, 'spec.template.spec.hostNetwork')).toBeUndefined();
    }
    const enforced = overlay === 'operator' ? 'baseline' : 'restricted';
    const labels = at(find(rendered(overlay), 'Namespace', 'heimdall'), 'metadata.labels');
    expect(labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': enforced });
  });

  test('have images with a tag, requests, a limit of memory and no variables of Services', () => {
    for (const workload of workloads(rendered(overlay))) {
      expect(at(workload, 'spec.template.spec.enableServiceLinks')).toBe(false);
      for (const container of containersOf(workload)) {
        expect(container.image).toMatch(/:\d+\.\d+\.\d+$/);
        expect(container['resources']).toMatchObject({
          requests: { cpu: expect.any(String), memory: expect.any(String) },
          limits: { memory: expect.any(String) },
        });
      }
    }
  });

  test('mount what is declared, and get the configuration from a ConfigMap named by its contents', () => {
    for (const workload of workloads(rendered(overlay))) {
      const volumes = at(workload, 'spec.template.spec.volumes') as readonly { name: string }[];
      const mounted = containersOf(workload).flatMap(({ volumeMounts = [] }) => volumeMounts);
      const names = (list: readonly { name: string }[]): string[] =>
        [...new Set(list.map(({ name }) => name))].sort();
      expect(names(mounted)).toEqual(names(volumes));
    }
    const volumes = at(resolverOf(rendered(overlay)), 'spec.template.spec.volumes');
    const used = (volumes as readonly unknown[]).map((volume) => at(volume, 'configMap.name'));
    const [name = ''] = used.filter((one) => typeof one === 'string');
    expect(name).toMatch(/^heimdall-config-[a-z0-9]{10}$/);
    expect(find(rendered(overlay), 'ConfigMap', name)).toBeDefined();
  });

  test('start with a configuration that Heimdall accepts, and stop within their time', () => {
    const resolver = resolverOf(rendered(overlay));
    const config = rendered(overlay).find(({ metadata }) =>
      metadata.name.startsWith('heimdall-config-'),
    );
    const file = join(scratch, 'heimdall.yaml');
    const text = String(Object.values(at(config, 'data') ?? {})[0]);
    const caFile = join(scratch, 'ca.crt');
    writeFileSync(caFile, '');
    writeFileSync(file, text.replace('/etc/heimdall-grid/ca.crt', caFile));
    const env = environmentOf(resolver);
    const { config: loaded, warnings } = loadConfig({ file, env, flags: {} });
    expect(warnings).toEqual([]);
    const graceSeconds = at(resolver, 'spec.template.spec.terminationGracePeriodSeconds');
    const { notReadyMs, graceMs } = loaded.shutdown;
    expect(Number(graceSeconds) * 1_000).toBeGreaterThan(notReadyMs + graceMs + 1_000);
    expect(loaded.grid.members.length > 0).toBe(!['standalone', 'node-local'].includes(overlay));
    // Upstreams by address: a resolver must not need a resolver.
    for (const server of loaded.upstream.servers) expect(server).toMatch(/^[\d.]+:53$/);
  });

  test('are drained by readiness, and killed for nothing but a process that is stuck', () => {
    const container = containerOf(resolverOf(rendered(overlay)), 'heimdall');
    expect(at(container, 'startupProbe.httpGet.path')).toBe('/healthz');
    expect(at(container, 'readinessProbe.httpGet.path')).toBe('/readyz');
    expect(at(container, 'livenessProbe.httpGet.path')).toBe('/healthz');
  });

  test('are not taken away all at once', () => {
    const resolver = resolverOf(rendered(overlay));
    const rolling = at(resolver, 'spec.strategy') ?? at(resolver, 'spec.updateStrategy');
    expect(at(rolling, 'type')).toBe('RollingUpdate');
    if (resolver.kind !== 'StatefulSet') {
      expect(at(rolling, 'rollingUpdate')).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    }
    if (resolver.kind === 'DaemonSet') return; // neither scaled nor drained
    expect(
      at(find(rendered(overlay), 'PodDisruptionBudget', 'heimdall'), 'spec.maxUnavailable'),
    ).toBe(1);
    const scaler = find(rendered(overlay), 'HorizontalPodAutoscaler', 'heimdall');
    expect(at(scaler, 'spec.scaleTargetRef')).toEqual({
      apiVersion: 'apps/v1',
      kind: resolver.kind,
      name: 'heimdall',
    });
    expect(at(resolver, 'spec.replicas')).toBeUndefined();
  });

  test('are spread over zones and nodes, as far as there are any', () => {
    for (const workload of workloads(rendered(overlay))) {
      if (workload.kind === 'DaemonSet') continue; // one on each node in any case
      const spec = at(workload, 'spec.template.spec');
      const labelSelector = at(workload, 'spec.selector');
      const spread = { maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway', labelSelector };
      expect(at(spec, 'topologySpreadConstraints')).toEqual([
        { ...spread, topologyKey: 'topology.kubernetes.io/zone' },
        { ...spread, topologyKey: 'kubernetes.io/hostname' },
      ]);
      const apart = 'affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution';
      expect(at(spec, apart)).toEqual([
        { weight: 100, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector } },
      ]);
    }
  });

  test('are what Services, budgets and policies select', () => {
    const labels = workloads(rendered(overlay)).map(
      (one) => at(one, 'spec.template.metadata.labels') as Readonly<Record<string, string>>,
    );
    if (overlay === 'operator') labels.push(...operatorLabels);
    const selectors = rendered(overlay).flatMap((one) => {
      const selector =
        at(one, 'spec.podSelector.matchLabels') ??
        at(one, 'spec.selector.matchLabels') ??
        (one.kind === 'Service' ? at(one, 'spec.selector') : undefined);
      return selector === undefined ? [] : [[one.metadata.name, selector] as const];
    });
    const unmatched = selectors.filter(
      ([, selector]) =>
        !labels.some((some) =>
          Object.entries(selector as object).every(([key, value]) => some[key] === value),
        ),
    );
    expect(unmatched).toEqual([]);
  });

  test('serve DNS on port 53 of the Service, over UDP and TCP', () => {
    const ports = at(find(rendered(overlay), 'Service', 'heimdall'), 'spec.ports');
    expect(ports).toMatchObject([
      { port: 53, targetPort: 'dns-udp', protocol: 'UDP' },
      { port: 53, targetPort: 'dns-tcp', protocol: 'TCP' },
    ]);
  });
});

describe.each(gridOverlays)('members of k8s/%s', (overlay) => {
  test('are given settings that a member knows, of the right form', () => {
    const container = containerOf(memberOf(rendered(overlay)), 'member');
    const known = new Map(settingNames.map((name) => [variableOf(name), name]));
    const values: Record<string, string> = {};
    for (const { name, value = '' } of container.env ?? []) {
      if (!name.startsWith('HEIMDALL_')) continue;
      expect(known.has(name)).toBe(true);
      values[name] = value
        .replace('$(POD_IP)', '10.1.2.3')
        .replace('$(KUBERNETES_SERVICE_HOST)', '10.96.0.1')
        .replace('$(KUBERNETES_SERVICE_PORT)', '443');
    }
    expect(memberValues({}, values)).toMatchObject({ kubernetes: 'true', 'tcp-ip': 'false' });
  });

  test('refer in variables only to those above them', () => {
    expect(referencesAhead(rendered(overlay))).toEqual([]);
  });

  test('hand their data over before their pod goes, one after the other', () => {
    const member = memberOf(rendered(overlay));
    expect(member.kind).toBe('StatefulSet');
    const leave = Number(variable(containerOf(member, 'member'), 'HEIMDALL_MEMBER_LEAVE_SECONDS'));
    const grace = Number(at(member, 'spec.template.spec.terminationGracePeriodSeconds'));
    expect(leave).toBeGreaterThan(20);
    expect(grace).toBeGreaterThan(leave + 10);
    expect(at(member, 'spec.serviceName')).toBe('heimdall-peers');
    expect(Number(at(member, 'spec.minReadySeconds'))).toBeGreaterThan(0);
  });

  test('meet by a headless Service that tells of those that are not ready too', () => {
    expect(find(rendered(overlay), 'Service', 'heimdall-peers')).toMatchObject({
      spec: {
        clusterIP: 'None',
        publishNotReadyAddresses: true,
        ports: [{ port: 5801, targetPort: 5801 }],
      },
    });
  });

  test('may ask the API what discovery asks, and no more; the resolver asks nothing', () => {
    expect(find(rendered(overlay), 'Role', 'heimdall-member')['rules']).toEqual([
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] },
      { apiGroups: [''], resources: ['pods', 'services'], verbs: ['get'] },
      {
        apiGroups: [''],
        resources: ['endpoints'],
        resourceNames: ['heimdall-peers'],
        verbs: ['get'],
      },
    ]);
    expect(find(rendered(overlay), 'ClusterRole', 'heimdall-member-zones')['rules']).toEqual([
      { apiGroups: [''], resources: ['nodes'], verbs: ['get'] },
    ]);
    const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
    for (const workload of workloads(rendered(overlay))) {
      expect(at(workload, 'spec.template.spec.automountServiceAccountToken')).toBe(false);
      for (const { name, volumeMounts = [] } of containersOf(workload)) {
        const mounts = volumeMounts.some((mount) => mount.mountPath === mountPath);
        expect(mounts).toBe(name === 'member');
      }
    }
  });

  test('are reached on the client port by resolvers alone, on the member port by members alone', () => {
    const policy = find(rendered(overlay), 'NetworkPolicy', 'heimdall-member');
    const ingress = at(policy, 'spec.ingress') as readonly unknown[];
    const resolver = {
      matchLabels: {
        'app.kubernetes.io/name': 'heimdall',
        'app.kubernetes.io/component': 'resolver',
      },
    };
    const allowed = (port: number): unknown[] =>
      ingress
        .filter((rule) =>
          (at(rule, 'ports') as { port: number }[]).some((one) => one.port === port),
        )
        .map((rule) => at(rule, 'from'));
    expect(allowed(5701)).toEqual([[{ podSelector: resolver }]]);
    expect(allowed(5801)).toEqual([
      [{ podSelector: { matchLabels: { 'heimdall/member': 'true' } } }],
    ]);
    expect(allowed(5901)).toEqual([]);
  });
});

describe('a resolver never needs itself to find the grid', () => {
  test('in k8s/sidecar nothing is looked up: the member is in the pod, the API has an address', () => {
    const pod = resolverOf(rendered('sidecar'));
    expect(at(pod, 'spec.template.spec.dnsPolicy')).toBe('Default');
    expect(variable(containerOf(pod, 'heimdall'), 'HEIMDALL_GRID_MEMBERS')).toBe('$(POD_IP):5701');
    expect(variable(containerOf(pod, 'member'), 'HEIMDALL_MEMBER_KUBERNETES_API')).toBe(
      'https://$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)',
    );
  });
});

describe('a pod of a resolver with a member in it', () => {
  test('is in service whatever the member does', () => {
    const member = containerOf(resolverOf(rendered('sidecar')), 'member');
    expect(Object.keys(member).filter((key) => key.endsWith('Probe'))).toEqual([]);
    expect(member.command).toEqual(['./keep-member.sh']);
  });
});

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { memberValues, settingNames, variableOf } from '../../hazelcast/member-settings.ts';
import { loadConfig } from '../../src/config/load.ts';
import { projectRoot } from '../support/source-files.ts';
import { kubeconform } from './fetched-programs.ts';
import {
  at,
  containerOf,
  containersOf,
  find,
  hazelcastCrds,
  manifestsRoot,
  overlays,
  parseManifests,
  readYaml,
  render,
  renderOverlay,
  workloads,
} from './manifests.ts';
import type { Container, Manifest, Overlay } from './manifests.ts';
import { operatorFields } from './operator-fields.ts';
import { writeSchemas } from './resource-schemas.ts';

/** Fetching the programs and the first rendering, on a machine that is busy. */
const fetchMs = 300_000;

const scratch = mkdtempSync(join(tmpdir(), 'heimdall-manifests-'));
const texts = new Map<Overlay, string>();
const manifests = new Map<Overlay, readonly Manifest[]>();
let schemas = '';
let combination: readonly Manifest[] = [];

/** What an overlay is together with components, as a user's own overlay would have it. */
function renderWith(overlay: Overlay, components: readonly string[]): Manifest[] {
  const folder = join(projectRoot, 'var', `overlay-${String(process.pid)}`);
  mkdirSync(folder, { recursive: true });
  const lines = [
    'apiVersion: kustomize.config.k8s.io/v1beta1',
    'kind: Kustomization',
    `resources: [../../k8s/${overlay}]`,
    `components: [${components.map((name) => `../../k8s/components/${name}`).join(', ')}]`,
  ];
  writeFileSync(join(folder, 'kustomization.yaml'), lines.join('\n'));
  try {
    return parseManifests(render(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

beforeAll(() => {
  schemas = writeSchemas();
  for (const overlay of overlays) {
    const text = renderOverlay(overlay);
    texts.set(overlay, text);
    manifests.set(overlay, parseManifests(text));
  }
  const components = ['discovery-dns', 'in-front', 'queries-hpa', 'management-center'];
  combination = renderWith('sidecar', components);
}, fetchMs);

afterAll(() => {
  for (const folder of [scratch, schemas]) rmSync(folder, { recursive: true, force: true });
});

function rendered(overlay: Overlay): readonly Manifest[] {
  return manifests.get(overlay) ?? [];
}

/** What the schemas find wrong with a text; empty where nothing is. */
function complaints(text: string): string {
  const file = join(scratch, 'manifests.yaml');
  writeFileSync(file, text);
  const skipped = hazelcastCrds().length > 0 ? [] : ['-skip', 'Hazelcast,Map,ManagementCenter'];
  const location = `${schemas}/{{.ResourceKind}}{{.KindSuffix}}.json`;
  const { stdout, stderr } = spawnSync(
    kubeconform(),
    ['-strict', '-schema-location', location, ...skipped, file],
    { encoding: 'utf8' },
  );
  return stdout + stderr;
}

describe('the schemas of Kubernetes and of the operators', () => {
  test.each(overlays)('accept k8s/%s', (overlay) => {
    expect(complaints(texts.get(overlay) ?? '')).toBe('');
  });

  test('accept every component together', () => {
    expect(complaints(combination.map((one) => JSON.stringify(one)).join('\n---\n'))).toBe('');
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
    expect(complaints(text.replace(from, to))).toMatch(/invalid|error/i);
  });

  test('refuse broken resources of the Hazelcast operator, where its definitions are there', () => {
    const text = texts.get('operator') ?? '';
    const breaks = [
      ['evictionPolicy: LRU', 'evictionPolicy: LRUU'],
      ['timeToLiveSeconds: 60', 'ttlSeconds: 60'],
      ['  licenseKeySecretName: hazelcast-license\n', ''],
    ] as const;
    const broken = breaks.map(([from, to]) => complaints(text.replace(from, to)));
    const wanted = hazelcastCrds().length > 0 ? /invalid/ : /^$/;
    for (const complaint of broken) expect(complaint).toMatch(wanted);
  });

  test('know the fields of the resources of the Hazelcast operator, also without its definitions', () => {
    const custom = rendered('operator').filter(({ apiVersion }) =>
      apiVersion.startsWith('hazelcast.com'),
    );
    const used = new Set(custom.flatMap((one) => fieldsOf(one['spec'], one.kind)));
    expect([...used].filter((field) => !operatorFields.includes(field))).toEqual([]);
  });
});

/** The paths of all fields, lists left out: `Map.eviction.maxSize`. */
function fieldsOf(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => fieldsOf(item, path));
  if (typeof value !== 'object' || value === null) return [path];
  if (path === 'Hazelcast.properties') return [path];
  return Object.entries(value).flatMap(([key, inner]) => fieldsOf(inner, `${path}.${key}`));
}

const podOverlays = overlays.filter((overlay) => overlay !== 'monitoring');
const gridOverlays = ['sidecar', 'grid'] as const;

function resolverOf(all: readonly Manifest[]): Manifest {
  const found = workloads(all).find(({ metadata }) => metadata.name === 'heimdall');
  if (found === undefined) throw new Error('there is no resolver');
  return found;
}

function memberOf(all: readonly Manifest[]): Manifest {
  const found = workloads(all).find((one) =>
    containersOf(one).some(({ name }) => name === 'member'),
  );
  if (found === undefined) throw new Error('there is no member');
  return found;
}

function variable(container: Container, name: string): string | undefined {
  return container.env?.find((one) => one.name === name)?.value;
}

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
    const env: Record<string, string> = {};
    for (const { name, value } of containerOf(resolver, 'heimdall').env ?? []) {
      if (value !== undefined) env[name] = value.replace('$(POD_IP)', '10.1.2.3');
    }
    delete env['HEIMDALL_CONFIG'];
    env['HEIMDALL_GRID_ENTRY_KEYS'] = '[{"id": 1, "secret": "0123456789abcdef0123456789abcdef"}]';
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

  test('are what Services, budgets and policies select', () => {
    const labels = workloads(rendered(overlay)).map(
      (one) => at(one, 'spec.template.metadata.labels') as Readonly<Record<string, string>>,
    );
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
    for (const all of [rendered(overlay), combination]) {
      for (const container of workloads(all).flatMap(containersOf)) {
        const seen = new Set(['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT']);
        for (const { name, value = '' } of container.env ?? []) {
          const used = [...value.matchAll(/\$\((\w+)\)/g)].map(([, one = '']) => one);
          expect(used.filter((one) => !seen.has(one))).toEqual([]);
          seen.add(name);
        }
      }
    }
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

  test('where pods ask Heimdall first, its own pods ask CoreDNS', () => {
    for (const overlay of gridOverlays) {
      for (const workload of workloads(renderWith(overlay, ['in-front']))) {
        const spec = at(workload, 'spec.template.spec');
        expect(at(spec, 'dnsPolicy')).toBe('None');
        expect(at(spec, 'dnsConfig.nameservers')).toEqual(['10.96.0.10']);
      }
    }
  });

  test('with discovery by DNS members need no right and no token', () => {
    const dns = renderWith('grid', ['discovery-dns']);
    expect(dns.filter(({ kind }) => /Role/.test(kind))).toEqual([]);
    const member = memberOf(dns);
    expect(variable(containerOf(member, 'member'), 'HEIMDALL_MEMBER_SERVICE_DNS')).toBe(
      'heimdall-peers.heimdall.svc.cluster.local',
    );
    expect(variable(containerOf(member, 'member'), 'HEIMDALL_MEMBER_SERVICE_NAME')).toBeUndefined();
    expect(JSON.stringify(member)).not.toContain('serviceAccountToken');
  });
});

describe('a pod of a resolver with a member in it', () => {
  test('is in service whatever the member does', () => {
    const member = containerOf(resolverOf(rendered('sidecar')), 'member');
    expect(Object.keys(member).filter((key) => key.endsWith('Probe'))).toEqual([]);
    expect(member.command).toEqual(['./keep-member.sh']);
  });
});

describe('the resources of the Hazelcast operator', () => {
  const values = memberValues({});
  const settings = new Map<string, string>([
    ['${heimdall.member.cache.backups}', values['cache-backups'] ?? ''],
    ['${heimdall.member.cache.limit}', values['cache-limit'] ?? ''],
    ['${heimdall.member.cache.size}', values['cache-size'] ?? ''],
  ]);
  const config = at(readYaml(join(projectRoot, 'hazelcast/hazelcast.yaml')), 'hazelcast');
  const maps = at(config, 'map') as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  const set = (value: unknown): unknown => {
    const found = settings.get(String(value));
    return found === undefined || Number.isNaN(Number(found)) ? (found ?? value) : Number(found);
  };

  test('have a Map for each map of hazelcast.yaml, with the same limits', () => {
    const resources = rendered('operator').filter(({ kind }) => kind === 'Map');
    const wanted = Object.entries(maps).map(([pattern, map]) => ({
      name: pattern.replace('*', 'heimdall'),
      hazelcastResourceName: 'heimdall-grid',
      inMemoryFormat: map['in-memory-format'],
      backupCount: map['backup-count'],
      asyncBackupCount: set(map['async-backup-count'] ?? 0),
      timeToLiveSeconds: map['time-to-live-seconds'],
      eviction: {
        evictionPolicy: at(map, 'eviction.eviction-policy'),
        maxSizePolicy: set(at(map, 'eviction.max-size-policy')),
        maxSize: set(at(map, 'eviction.size')),
      },
    }));
    expect(resources.map((one) => one['spec'])).toEqual(expect.arrayContaining(wanted));
    expect(resources).toHaveLength(wanted.length);
  });

  test('have in the custom configuration what a Map has no field for, as hazelcast.yaml has it', () => {
    const custom = readYaml(join(manifestsRoot, 'operator/custom-config.yaml'));
    const resolved = Object.fromEntries(
      Object.entries(maps).map(([pattern, { eviction, ...map }]) => [
        pattern,
        {
          ...map,
          ...('async-backup-count' in map
            ? { 'async-backup-count': set(map['async-backup-count']) }
            : {}),
          eviction: Object.fromEntries(
            Object.entries(eviction as object).map(([key, value]) => [key, set(value)]),
          ),
        },
      ]),
    );
    expect(at(custom, 'map')).toEqual(resolved);
    expect(at(custom, 'pn-counter')).toEqual(at(config, 'pn-counter'));
    const properties = at(custom, 'properties') as Readonly<Record<string, string>>;
    for (const [name, value] of Object.entries(properties)) {
      const wanted = (at(config, 'properties') as Readonly<Record<string, unknown>>)[name];
      expect(value).toBe(String(wanted));
    }
  });

  test('say that a licence is needed, at the top', () => {
    const text = parseManifests(texts.get('operator') ?? '');
    expect(at(find(text, 'Hazelcast', 'heimdall-grid'), 'spec.licenseKeySecretName')).toBeDefined();
  });
});

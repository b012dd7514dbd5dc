import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { makeCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { projectRoot } from '../support/source-files.ts';
import { fetchedMs } from './fetched-programs.ts';
import {
  at,
  components,
  containerOf,
  containersOf,
  environmentOf,
  find,
  manifestsRoot,
  memberOf,
  parseManifests,
  referencesAhead,
  renderOverlay,
  renderWith,
  resolverOf,
  variable,
  workloads,
} from './manifests.ts';
import type { Manifest } from './manifests.ts';
import { ResourceSchemas } from './resource-schemas.ts';

/** What is in the Secrets of certificates. */
let certificate: TestCertificate;
let nodeLocal: readonly Manifest[] = [];
let encrypted: readonly Manifest[] = [];

beforeAll(async () => {
  certificate = await makeCertificate();
  nodeLocal = parseManifests(renderOverlay('node-local'));
  encrypted = renderWith('sidecar', ['encrypted', 'http-tls']);
}, fetchedMs);

afterAll(() => certificate.remove());

/** What its environment alone makes a resolver do; files are those of the certificate. */
function configOf(all: readonly Manifest[]): Config {
  const env = Object.entries(environmentOf(resolverOf(all))).map(([name, value]) => [
    name,
    value.replace(/^\/etc\/heimdall[a-z-]*/, dirname(certificate.certificateFile)),
  ]);
  const { config, warnings } = loadConfig({ env: Object.fromEntries(env), flags: {} });
  expect(warnings).toEqual([]);
  return config;
}

test('all components together are accepted by the schemas, and refer to variables that are there', () => {
  const all = renderWith('sidecar', components);
  const schemas = new ResourceSchemas();
  const complaints = schemas.complaints(all.map((one) => JSON.stringify(one)).join('\n---\n'));
  schemas.remove();
  expect(complaints).toBe('');
  expect(referencesAhead(all)).toEqual([]);
});

test('docs/kubernetes.md names every component that a user takes', () => {
  const text = readFileSync(join(projectRoot, 'docs/kubernetes.md'), 'utf8');
  // Overlays with open-source members have that one already.
  const all = readdirSync(join(manifestsRoot, 'components')).filter((name) => name !== 'members');
  expect(all).toEqual([...components]);
  expect(all.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

describe('where pods ask Heimdall first', () => {
  test('its own pods ask CoreDNS, so that it never needs itself to find the grid', () => {
    const all = ['sidecar', 'grid'].map((overlay) =>
      renderWith(overlay as 'sidecar' | 'grid', ['in-front']),
    );
    for (const workload of [...all, nodeLocal].flatMap(workloads)) {
      const spec = at(workload, 'spec.template.spec');
      expect(at(spec, 'dnsPolicy')).toBe('None');
      expect(at(spec, 'dnsConfig.nameservers')).toEqual(['10.96.0.10']);
    }
  });

  test('names of the cluster go to CoreDNS, and few of those that search lists make (ndots:5)', () => {
    const { routes, cache } = configOf(nodeLocal);
    expect(routes.map(({ suffix, servers }) => [suffix, ...servers])).toEqual([
      ['cluster.local', '10.96.0.10:53'],
      ['10.in-addr.arpa', '10.96.0.10:53'],
    ]);
    expect(cache.searchSuffixes).toEqual(['svc.cluster.local', 'cluster.local']);
  });

  test('on each node a resolver answers the pods of that node, and has one more before it goes', () => {
    const resolver = resolverOf(nodeLocal);
    expect(resolver.kind).toBe('DaemonSet');
    expect(at(resolver, 'spec.updateStrategy.rollingUpdate')).toEqual({
      maxUnavailable: 0,
      maxSurge: 1,
    });
    expect(at(resolver, 'spec.minReadySeconds')).toBeUndefined();
    const service = find(nodeLocal, 'Service', 'heimdall');
    expect(at(service, 'spec.internalTrafficPolicy')).toBe('Local');
  });
});

test('with discovery by DNS members need no right and no token', () => {
  const all = renderWith('grid', ['discovery-dns']);
  expect(all.filter(({ kind }) => /Role/.test(kind))).toEqual([]);
  const member = containerOf(memberOf(all), 'member');
  expect(variable(member, 'HEIMDALL_MEMBER_SERVICE_DNS')).toBe(
    'heimdall-peers.heimdall.svc.cluster.local',
  );
  expect(variable(member, 'HEIMDALL_MEMBER_SERVICE_NAME')).toBeUndefined();
  expect(JSON.stringify(memberOf(all))).not.toContain('serviceAccountToken');
});

test.each(['standalone', 'sidecar'] as const)(
  'k8s/%s is scaled by queries per second as well as by CPU',
  (overlay) => {
    const all = renderWith(overlay, ['queries-hpa']);
    const metrics = at(find(all, 'HorizontalPodAutoscaler', 'heimdall'), 'spec.metrics');
    const kinds = (metrics as readonly { type: string }[]).map(({ type }) => type);
    expect(kinds).toEqual([overlay === 'sidecar' ? 'ContainerResource' : 'Resource', 'Pods']);
    const rule = at((metrics as readonly unknown[])[1], 'pods.metric.name');
    expect(rule).toBe('heimdall_queries_per_second');
  },
);

test('for a Management Center members keep metrics, and let it in', () => {
  const all = renderWith('grid', ['management-center']);
  const member = containerOf(memberOf(all), 'member');
  expect(variable(member, 'HEIMDALL_MEMBER_MANAGEMENT_CENTER')).toBe('true');
  const { spec } = find(all, 'NetworkPolicy', 'heimdall-management-center');
  expect(at(spec, 'ingress')).toEqual([
    {
      from: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'management-center' } } }],
      ports: [{ port: 5701, protocol: 'TCP' }],
    },
  ]);
});

describe('with certificates', () => {
  test('DNS over TLS and HTTPS is served on ports that need no privilege, and the Service maps them', () => {
    const { listen } = configOf(encrypted);
    expect([listen.tls.addresses, listen.https.addresses]).toEqual([
      ['0.0.0.0:1853'],
      ['0.0.0.0:1443'],
    ]);
    expect(listen.designated).toMatchObject({ tlsPort: 853, httpsPort: 443 });
    const ports = containersOf(resolverOf(encrypted)).flatMap((one) => one.ports ?? []);
    const numbers = new Map(ports.map(({ name, containerPort }) => [name, containerPort]));
    const mapped = at(find(encrypted, 'Service', 'heimdall'), 'spec.ports') as readonly {
      readonly port: number;
      readonly targetPort: string;
    }[];
    expect(mapped.map(({ port, targetPort }) => [port, numbers.get(targetPort)])).toEqual([
      [53, 1053],
      [53, 1053],
      [853, 1853],
      [443, 1443],
    ]);
    expect(JSON.stringify(find(encrypted, 'NetworkPolicy', 'heimdall'))).toMatch(
      /dns-over-tls.*dns-over-https/,
    );
  });

  test('the HTTP port speaks TLS, and so do its probes', () => {
    expect(configOf(encrypted).http.tls.file).toBe(certificate.certificateFile);
    const container = containerOf(resolverOf(encrypted), 'heimdall');
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      expect(at(container, `${probe}.httpGet`)).toMatchObject({ scheme: 'HTTPS', port: 'http' });
    }
  });
});

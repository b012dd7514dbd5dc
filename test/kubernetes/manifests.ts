import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { projectRoot } from '../support/source-files.ts';
import { kustomize } from './fetched-programs.ts';

export const manifestsRoot = join(projectRoot, 'k8s');

/** What `kubectl apply -k` is used on. */
export const overlays = [
  'standalone',
  'sidecar',
  'grid',
  'operator',
  'node-local',
  'monitoring',
] as const;
export type Overlay = (typeof overlays)[number];

/** What users add to an overlay; all of them go together. */
export const components = [
  'discovery-dns',
  'encrypted',
  'fixed-address',
  'http-tls',
  'in-front',
  'management-center',
  'queries-hpa',
] as const;

/** An object of Kubernetes, as far as the tests look into it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** The text that kustomize makes of a folder. */
export function render(folder: string): string {
  return execFileSync(kustomize(), ['build', folder], { encoding: 'utf8', stdio: 'pipe' });
}

export function renderOverlay(overlay: Overlay): string {
  return render(join(manifestsRoot, overlay));
}

/** What an overlay is together with components, as a user's own overlay would have it. */
export function renderWith(overlay: Overlay, added: readonly string[]): Manifest[] {
  const parent = join(projectRoot, 'var');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'overlay-'));
  const lines = [
    'apiVersion: kustomize.config.k8s.io/v1beta1',
    'kind: Kustomization',
    `resources: [../../k8s/${overlay}]`,
    `components: [${added.map((name) => `../../k8s/components/${name}`).join(', ')}]`,
  ];
  writeFileSync(join(folder, 'kustomization.yaml'), lines.join('\n'));
  try {
    return parseManifests(render(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The objects in a text of several documents. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** The one object of a kind and name. */
export function find(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** What stands at a path such as `spec.template.spec`; undefined where a step is missing. */
export function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (inner, key) =>
        typeof inner === 'object' && inner !== null
          ? (inner as Readonly<Record<string, unknown>>)[key]
          : undefined,
      value,
    );
}

/** Whether a condition of its status holds, such as `Ready`. */
export function isTrue(condition: string, object: Manifest | undefined): boolean {
  const all = (at(object, 'status.conditions') ?? []) as readonly {
    readonly type: string;
    readonly status: string;
  }[];
  return all.some(({ type, status }) => type === condition && status === 'True');
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly [field: string]: unknown;
}

/** Objects that make pods. */
export function workloads(manifests: readonly Manifest[]): Manifest[] {
  return manifests.filter(({ kind }) => ['Deployment', 'StatefulSet', 'DaemonSet'].includes(kind));
}

export function containersOf(workload: Manifest): readonly Container[] {
  return at(workload, 'spec.template.spec.containers') as readonly Container[];
}

export function containerOf(workload: Manifest, name: string): Container {
  const found = containersOf(workload).find((one) => one.name === name);
  if (found === undefined) throw new Error(`${workload.metadata.name} has no container ${name}`);
  return found;
}

/** What has the resolvers. */
export function resolverOf(all: readonly Manifest[]): Manifest {
  const found = workloads(all).find(({ metadata }) => metadata.name === 'heimdall');
  if (found === undefined) throw new Error('there is no resolver');
  return found;
}

/** What has the members, which may be the same. */
export function memberOf(all: readonly Manifest[]): Manifest {
  const found = workloads(all).find((one) =>
    containersOf(one).some(({ name }) => name === 'member'),
  );
  if (found === undefined) throw new Error('there is no member');
  return found;
}

export function variable(container: Container, name: string): string | undefined {
  return container.env?.find((one) => one.name === name)?.value;
}

/** The environment that a pod's resolver finds; its secrets are made up, its file is left out. */
export function environmentOf(resolver: Manifest): Record<string, string> {
  const { env = [] } = containerOf(resolver, 'heimdall');
  const given = env.flatMap(({ name, value }) =>
    value === undefined || name === 'HEIMDALL_CONFIG'
      ? []
      : [[name, value.replace('$(POD_IP)', '10.1.2.3')] as const],
  );
  const secret = '0123456789abcdef0123456789abcdef';
  return {
    ...Object.fromEntries(given),
    HEIMDALL_HTTP_TOKEN: secret,
    HEIMDALL_LISTEN_COOKIES_SECRETS: secret,
    HEIMDALL_GRID_ENTRY_KEYS: JSON.stringify([{ id: 1, secret }]),
  };
}

/** Variables that refer to one which is not above them, and so would stay as they are written. */
export function referencesAhead(all: readonly Manifest[]): string[] {
  return workloads(all)
    .flatMap(containersOf)
    .flatMap(({ env = [] }) => {
      const known = new Set(['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT']);
      return env.flatMap(({ name, value = '' }) => {
        const used = [...value.matchAll(/\$\((\w+)\)/g)].map(([, one = '']) => one);
        const ahead = used.filter((one) => !known.has(one));
        known.add(name);
        return ahead;
      });
    });
}

/** The definitions of the Hazelcast operator, where they lie beside the project. */
export function hazelcastCrds(): string[] {
  const folder = join(projectRoot, '../shared/crds/hazelcast');
  return existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [];
}

export function readYaml(path: string): unknown {
  return parseAllDocuments(readFileSync(path, 'utf8'))[0]?.toJS();
}

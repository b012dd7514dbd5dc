import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
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

/** The definitions of the Hazelcast operator, where they lie beside the project. */
export function hazelcastCrds(): string[] {
  const folder = join(projectRoot, '../shared/crds/hazelcast');
  return existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [];
}

export function readYaml(path: string): unknown {
  return parseAllDocuments(readFileSync(path, 'utf8'))[0]?.toJS();
}

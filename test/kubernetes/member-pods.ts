import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchJars } from '../../hazelcast/member-jars.ts';
import { MemberProcess } from '../../hazelcast/member-process.ts';
import { memberValues, settingNames, variableOf } from '../../hazelcast/member-settings.ts';
import { SystemClock } from '../../src/base/clock.ts';
import type { ControlPlane } from './control-plane.ts';
import { at, containerOf } from './manifests.ts';
import type { Manifest } from './manifests.ts';

/** In a mount of its own: what the kubelet mounts for a container, at its place. */
const mountScript = [
  'mount -t tmpfs tmpfs /run',
  'mkdir -p /run/secrets/kubernetes.io',
  'cp -r "$0" /run/secrets/kubernetes.io/serviceaccount',
  'exec "$@"',
].join(' && ');

/** The members of pods that a control plane has, as real processes at the pods' addresses. */
export class MemberPods {
  readonly #plane: ControlPlane;
  readonly #folder = mkdtempSync(join(tmpdir(), 'heimdall-pods-'));
  #members: MemberProcess[] = [];
  #log = '';

  constructor(plane: ControlPlane) {
    this.#plane = plane;
    fetchJars('5.7.0');
  }

  /** What they wrote. */
  get log(): string {
    return this.#log;
  }

  /** Starts one for each pod, with the variables, token and authority that the pod gives it. */
  async start(pods: readonly Manifest[]): Promise<void> {
    this.#log = '';
    this.#members = pods.map((pod) => this.#startOne(pod));
    await Promise.all(this.#members.map((member) => member.ready()));
  }

  async sizes(): Promise<number[]> {
    const healths = await Promise.all(this.#members.map((member) => member.health()));
    return healths.map(({ clusterSize }) => clusterSize);
  }

  async stop(): Promise<void> {
    for (const member of this.#members) member.signal('SIGKILL');
    await Promise.all(this.#members.map(({ ended }) => ended));
    this.#members = [];
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #startOne(pod: Manifest): MemberProcess {
    const { name, namespace = '' } = pod.metadata;
    const account = String(at(pod, 'spec.serviceAccountName'));
    const folder = mkdtempSync(join(this.#folder, `${name}.`));
    const token = this.#plane.must(['create', 'token', account, '-n', namespace]);
    const files = { token, namespace, 'ca.crt': this.#plane.authority };
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
    // The kubelet names the pod to its processes.
    const named = ['env', `HOSTNAME=${name}`];
    return new MemberProcess(
      memberValues({}, { ...this.#environment(pod), HEIMDALL_MEMBER_ZONE_AWARE: 'true' }),
      new SystemClock(),
      (text) => (this.#log += text),
      (program) => ['unshare', '--mount', 'sh', '-c', mountScript, folder, ...named, ...program],
    );
  }

  /** The variables of the container, with references put in as the kubelet does. */
  #environment(pod: Manifest): Record<string, string> {
    const known: Record<string, string> = {
      KUBERNETES_SERVICE_HOST: this.#plane.host,
      KUBERNETES_SERVICE_PORT: String(this.#plane.port),
      POD_IP: String(at(pod, 'status.podIP')),
    };
    const workload = { ...pod, spec: { template: { spec: pod['spec'] } } } as Manifest;
    for (const { name, value } of containerOf(workload, 'member').env ?? []) {
      if (value === undefined) continue;
      known[name] = value.replaceAll(/\$\((\w+)\)/g, (_, one: string) => known[one] ?? '');
    }
    const wanted = new Set(settingNames.map(variableOf));
    return Object.fromEntries(Object.entries(known).filter(([name]) => wanted.has(name)));
  }
}

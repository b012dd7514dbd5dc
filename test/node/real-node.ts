import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { Daemons } from '../kubernetes/daemons.ts';
import { corednsPrograms, nodePrograms } from '../kubernetes/kubernetes-programs.ts';
import { isTrue } from '../kubernetes/manifests.ts';
import { installed } from '../support/processes.ts';

/** The upstreams that the manifests name; here they are addresses of this node. */
const upstreams = ['9.9.9.9', '149.112.112.112'];
const podRange = '10.98.78.0/24';
/** The Service of the cluster's DNS, as the manifests have it (k8s/components/in-front). */
const dnsAddress = '10.96.0.10';
const nodeName = 'node-1';
/** What containerd starts first in each pod. */
export const pauseImage = 'registry.k8s.io/pause:3.10';

/**
 * A node whose pods really run: containerd, kubelet, kube-proxy, and CoreDNS as the cluster's DNS and as
 * the upstreams. All in a space that nothing leaves (sealed-space.ts).
 */
export class RealNode {
  readonly #plane: ControlPlane;
  readonly #folder: string;
  readonly #daemons: Daemons;

  /** @param folder that is removed by others */
  constructor(plane: ControlPlane, folder: string) {
    this.#plane = plane;
    this.#folder = folder;
    this.#daemons = new Daemons(folder);
  }

  /** @param archives of images, as there is no registry */
  async start(archives: readonly string[]): Promise<void> {
    this.#buildNetwork();
    this.#startCoredns();
    await this.#startContainerd(archives);
    this.#startKubelet();
    this.#startProxy();
    this.#serveCoredns();
    await this.#daemons.until('node that is ready', () => {
      const [node] = this.#plane.list('nodes', 'default');
      return isTrue('Ready', node);
    });
  }

  stop(): Promise<void> {
    return this.#daemons.stop();
  }

  #buildNetwork(): void {
    const bridge = this.#plane.bridge;
    for (const address of upstreams) ip('addr', 'add', `${address}/32`, 'dev', bridge);
    // Nobody is there; addresses of Services need some route before they are replaced.
    ip('route', 'add', 'default', 'via', this.#plane.podAddress(250), 'dev', bridge);
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  }

  #startCoredns(): void {
    const file = this.#write(
      'Corefile',
      `.:53 {
  bind ${this.#plane.host}
  errors
  kubernetes cluster.local {
    kubeconfig ${this.#plane.access}
    ttl 5
  }
}
.:53 {
  bind ${upstreams.join(' ')}
  errors
  template IN A . {
    answer "{{ .Name }} 3600 IN A 192.0.2.1"
  }
  template IN ANY . {
    authority "example. 3600 IN SOA ns.example. mail.example. 1 7200 900 1209600 3600"
  }
}
`,
    );
    this.#daemons.start(join(corednsPrograms(), 'coredns'), ['-conf', file]);
  }

  /** CoreDNS runs beside the pods, not in one: its Service is told where. */
  #serveCoredns(): void {
    const metadata = { name: 'kube-dns', namespace: 'kube-system' };
    const ports = ['UDP', 'TCP'].map((protocol) => ({
      name: protocol.toLowerCase(),
      port: 53,
      protocol,
    }));
    const items = [
      { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: dnsAddress, ports } },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': metadata.name } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [this.#plane.host], conditions: { ready: true } }],
        ports,
      },
    ];
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    this.#plane.must(['apply', '-f', '-'], list);
  }

  async #startContainerd(archives: readonly string[]): Promise<void> {
    const config = this.#write('containerd.toml', this.#containerdConfig());
    this.#write(
      'cni/10-pods.conflist',
      JSON.stringify({
        cniVersion: '0.4.0',
        name: 'pods',
        plugins: [
          {
            // Every packet passes the node itself, also between pods: addresses of Services need that.
            type: 'ptp',
            ipMasq: false,
            ipam: {
              type: 'host-local',
              dataDir: this.#path('addresses'),
              ranges: [[{ subnet: podRange }]],
              routes: [{ dst: '0.0.0.0/0' }],
            },
          },
        ],
      }),
    );
    this.#daemons.start(installed('containerd', 'containerd'), ['--config', config]);
    const ctr = (...argv: readonly string[]): string =>
      execFileSync('ctr', ['-a', this.#socket, '-n', 'k8s.io', ...argv], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    await this.#daemons.until('containerd', () => ctr('version') !== '');
    for (const archive of archives) ctr('images', 'import', archive);
  }

  #containerdConfig(): string {
    const cri = 'plugins."io.containerd.grpc.v1.cri"';
    return `version = 2
root = "${this.#path('containerd')}"
state = "/run/containerd"
[grpc]
  address = "${this.#socket}"
[${cri}]
  sandbox_image = "${pauseImage}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [${cri}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${this.#path('cni')}"
  [${cri}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [${cri}.containerd.runtimes.runc.options]
      SystemdCgroup = false
[plugins."io.containerd.internal.v1.opt"]
  path = "${this.#path('opt')}"
`;
  }

  #startKubelet(): void {
    const resolver = this.#write('resolv.conf', `nameserver ${this.#plane.host}\n`);
    const config = {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      failCgroupV1: false,
      cgroupDriver: 'cgroupfs',
      cgroupsPerQOS: false,
      enforceNodeAllocatable: [],
      failSwapOn: false,
      containerRuntimeEndpoint: `unix://${this.#socket}`,
      clusterDNS: [this.#plane.host],
      clusterDomain: 'cluster.local',
      resolvConf: resolver,
      makeIPTablesUtilChains: false,
      address: this.#plane.host,
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      evictionHard: { 'memory.available': '100Mi' },
    };
    this.#daemons.start(join(nodePrograms(), 'kubelet'), [
      `--config=${this.#write('kubelet.yaml', JSON.stringify(config))}`,
      `--kubeconfig=${this.#plane.access}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${this.#plane.host}`,
    ]);
  }

  #startProxy(): void {
    this.#daemons.start(join(nodePrograms(), 'kube-proxy'), [
      `--kubeconfig=${this.#plane.access}`,
      '--proxy-mode=nftables',
      `--hostname-override=${nodeName}`,
      `--cluster-cidr=${podRange}`,
      // Settings of the kernel stay as they are.
      ...['--conntrack-max-per-core=0', '--conntrack-tcp-timeout-established=0'],
      '--conntrack-tcp-timeout-close-wait=0',
    ]);
  }

  get #socket(): string {
    return '/run/containerd.sock';
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #write(name: string, text: string): string {
    mkdirSync(join(this.#path(name), '..'), { recursive: true });
    writeFileSync(this.#path(name), text);
    return this.#path(name);
  }
}

function ip(...argv: readonly string[]): void {
  execFileSync('ip', argv, { stdio: 'pipe' });
}

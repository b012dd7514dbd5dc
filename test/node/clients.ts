import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { comesTrue } from '../kubernetes/checks.ts';
import { at } from '../kubernetes/manifests.ts';
import type { Manifest } from '../kubernetes/manifests.ts';

const namespace = 'clients';
/** Long enough for a container that is started while others are, too. */
const patienceMs = 60_000;

/**
 * What a program in a pod does: by its C library as most do, by a resolver of its own, and over TCP. It
 * leaves what it was told as the message of its end.
 */
const program = `
const { lookup, resolve4 } = require('node:dns/promises');
const { execFileSync } = require('node:child_process');
const { writeFileSync } = require('node:fs');
(async () => {
  const server = process.env.SERVER;
  const overTcp = execFileSync(process.execPath, ['dist/main.js', 'query', 'tcp.example', '--tcp',
    '--server', server + ':53', '--json'], { encoding: 'utf8' });
  const told = [(await lookup('libc.example')).address, ...(await resolve4('own.example')),
    /192\\.0\\.2\\.1/.exec(overTcp)?.[0]];
  writeFileSync('/dev/termination-log', told.join(' '));
})().catch((error) => writeFileSync('/dev/termination-log', String(error)));
`;

/** Finds names one after the other, as most programs do: through the search list of its pod. */
const searchingProgram = `
const { lookup } = require('node:dns/promises');
const { writeFileSync } = require('node:fs');
(async () => {
  const told = [];
  for (const name of process.env.NAMES.split(',')) told.push((await lookup(name)).address);
  writeFileSync('/dev/termination-log', told.join(' '));
})().catch((error) => writeFileSync('/dev/termination-log', String(error)));
`;

/** What a kubelet writes into the resolv.conf of a pod. */
const searchList = {
  searches: [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'],
  options: [{ name: 'ndots', value: '5' }],
};

/** Pods whose nameserver is a Service, and which end when they have resolved a few names. */
export class Clients {
  readonly #plane: ControlPlane;
  #made = 0;

  constructor(plane: ControlPlane) {
    this.#plane = plane;
    plane.must(['create', 'namespace', namespace]);
  }

  /** What each of so many pods was told by the server. */
  ask(server: string, count: number): Promise<readonly string[]> {
    const env = [{ name: 'SERVER', value: server }];
    return this.#run(count, { nameservers: [server] }, env, program);
  }

  /** The addresses that a pod with a search list finds for names. */
  async search(server: string, names: readonly string[]): Promise<readonly string[]> {
    const env = [{ name: 'NAMES', value: names.join(',') }];
    const dnsConfig = { nameservers: [server], ...searchList };
    const [told = ''] = await this.#run(1, dnsConfig, env, searchingProgram);
    return told.split(' ');
  }

  async #run(
    count: number,
    dnsConfig: unknown,
    env: readonly unknown[],
    script: string,
  ): Promise<readonly string[]> {
    const names = Array.from({ length: count }, () => `client-${String((this.#made += 1))}`);
    const items = names.map((name) => pod(name, dnsConfig, env, script));
    this.#plane.must(
      ['apply', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    );
    const told = (): string[] =>
      this.#plane
        .list('pods', namespace)
        .filter(({ metadata }) => names.includes(metadata.name))
        .map(messageOf);
    await comesTrue(() => !told().includes('nothing'), patienceMs);
    return told();
  }
}

function messageOf(ended: Manifest): string {
  const [status] = (at(ended, 'status.containerStatuses') ?? []) as readonly unknown[];
  const message = at(status, 'state.terminated.message');
  return typeof message === 'string' ? message : 'nothing';
}

function pod(name: string, dnsConfig: unknown, env: readonly unknown[], script: string): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      dnsPolicy: 'None',
      dnsConfig,
      containers: [
        {
          name: 'client',
          image: 'heimdall:0.1.0',
          imagePullPolicy: 'Never',
          command: ['node', '-e', script],
          env,
          // The message of its end is a file that the kubelet makes for root.
          securityContext: { runAsUser: 0 },
        },
      ],
    },
  };
}

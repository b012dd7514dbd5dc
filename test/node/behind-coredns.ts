import { Resolver } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { comesTrue } from '../kubernetes/checks.ts';
import type { Checks } from '../kubernetes/checks.ts';
import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { Daemons } from '../kubernetes/daemons.ts';
import { corednsPrograms } from '../kubernetes/kubernetes-programs.ts';
import { at, manifestsRoot, readYaml } from '../kubernetes/manifests.ts';
import { Fleet } from './fleet.ts';

/** Of the addresses that the control plane holds; one that nobody else serves DNS at. */
const addressNumber = 5;
/** For CoreDNS to find that Heimdall is gone. */
const patienceMs = 30_000;
const asked = 'heimdall_queries_total{transport="udp",type="A"}';

interface Setting {
  readonly plane: ControlPlane;
  readonly checks: Checks;
  readonly folder: string;
  /** Takes Heimdall away. */
  remove(): Promise<void>;
}

/** Heimdall as the one whom CoreDNS asks, and what CoreDNS does when it has gone. */
export async function checkBehindCoredns(setting: Setting): Promise<void> {
  const coredns = new BehindCoredns(setting);
  try {
    await coredns.check();
    await setting.remove();
    await coredns.checkWithout();
  } finally {
    await coredns.stop();
  }
}

/** A CoreDNS with the Corefile of `k8s/coredns`, but for where it listens and where Heimdall is. */
class BehindCoredns {
  readonly #checks: Checks;
  readonly #fleet: Fleet;
  readonly #daemons: Daemons;
  readonly #resolver = new Resolver({ timeout: 2_000, tries: 3 });
  #names = 0;

  constructor({ plane, checks, folder }: Setting) {
    this.#checks = checks;
    this.#fleet = new Fleet(plane);
    this.#daemons = new Daemons(folder);
    const address = plane.podAddress(addressNumber);
    this.#resolver.setServers([address]);
    const file = join(folder, 'Corefile.behind');
    const manifest = readYaml(join(manifestsRoot, 'coredns/coredns.yaml'));
    const shipped = (at(manifest, 'data') as Readonly<Record<string, string>>)['Corefile'] ?? '';
    const text = shipped
      .replaceAll('10.96.0.53', this.#fleet.service)
      .replaceAll(/^\S*:53 \{$/gm, `$&\n    bind ${address}`)
      .replace(/kubernetes .*\{/, `$&\n        kubeconfig ${plane.access}`);
    writeFileSync(file, text);
    this.#daemons.start(join(corednsPrograms(), 'coredns'), ['-conf', file]);
  }

  /** While Heimdall is there. */
  async check(): Promise<void> {
    this.#checks.title('Behind CoreDNS, with the Corefile of k8s/coredns');
    const own = await this.#finds('kubernetes.default.svc.cluster.local', '10.96.0.1');
    this.#checks.that('CoreDNS answers names of the cluster', own);
    const before = await this.#fleet.counted(asked);
    const names = [this.#name('example'), this.#name('corp.example')];
    const found = await Promise.all(names.map((name) => this.#finds(name, '192.0.2.1')));
    const passed = (await this.#fleet.counted(asked)) - before;
    this.#checks.that(
      'it asks Heimdall for the rest, and for a stub domain',
      found.every((one) => one) && passed >= names.length,
      `${String(passed)} queries from CoreDNS`,
    );
  }

  /** When Heimdall has gone with its Service. */
  async checkWithout(): Promise<void> {
    const isServed = await this.#finds(this.#name('example'), '192.0.2.1');
    this.#checks.that('without Heimdall CoreDNS asks what was asked before it', isServed);
  }

  stop(): Promise<void> {
    return this.#daemons.stop();
  }

  /** One that nobody has asked for. */
  #name(domain: string): string {
    return `behind${String((this.#names += 1))}.${domain}`;
  }

  #finds(name: string, address: string): Promise<boolean> {
    return comesTrue(async () => {
      const found = await this.#resolver.resolve4(name).catch(() => []);
      return found.join() === address;
    }, patienceMs);
  }
}

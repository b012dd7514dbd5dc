import { setTimeout as pause } from 'node:timers/promises';
import { at } from './manifests.ts';
import type { Container, Manifest } from './manifests.ts';

const pollMs = 150;
/** A node that has said nothing for 50 s counts as lost, and its pods as not ready. */
const beatMs = 5_000;

/**
 * What a kubelet tells the API, without running anything: pods that were given to a node are ready a
 * moment later, pods that are deleted are gone a moment later.
 */
export class SimulatedKubelet {
  readonly #url: string;
  readonly #addressOf: (pod: string) => string | undefined;
  #isStopped = false;
  readonly #nodes: string[] = [];
  #beatAtMs = 0;
  #loop: Promise<void> = Promise.resolve();

  /** @param addressOf the address of a pod by its name; pods without one are left alone */
  constructor(url: string, addressOf: (pod: string) => string | undefined) {
    this.#url = url;
    this.#addressOf = addressOf;
  }

  /** Makes so many nodes, each in a zone of its own. */
  async start(nodes: number): Promise<void> {
    for (let number = 1; number <= nodes; number += 1)
      await this.#addNode(`node-${String(number)}`);
    this.#loop = this.#work();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
  }

  async #addNode(name: string): Promise<void> {
    const capacity = { cpu: '8', memory: '16Gi', pods: '110' };
    await this.#send('POST', '/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `zone-${name}` },
      },
    });
    await this.#beat(name, { capacity, allocatable: capacity });
    this.#nodes.push(name);
  }

  async #beatAll(): Promise<void> {
    if (performance.now() < this.#beatAtMs) return;
    this.#beatAtMs = performance.now() + beatMs;
    for (const name of this.#nodes) await this.#beat(name);
  }

  /** Says that a node is well; controllers would take its pods away else. */
  async #beat(name: string, more: object = {}): Promise<void> {
    const now = new Date().toISOString();
    const condition = {
      type: 'Ready',
      status: 'True',
      reason: 'Simulated',
      lastHeartbeatTime: now,
    };
    await this.#send('PATCH', `/api/v1/nodes/${name}/status`, {
      status: { conditions: [{ ...condition, lastTransitionTime: now }], ...more },
    });
    // A taint that a controller put there before the first beat.
    if ('capacity' in more) {
      await this.#send('PATCH', `/api/v1/nodes/${name}`, { spec: { taints: null } });
    }
  }

  async #work(): Promise<void> {
    while (!this.#isStopped) {
      await this.#beatAll();
      const response = await fetch(`${this.#url}/api/v1/pods`);
      const { items } = (await response.json()) as { readonly items: readonly Manifest[] };
      for (const pod of items) await this.#serve(pod);
      await pause(pollMs);
    }
  }

  async #serve(pod: Manifest): Promise<void> {
    const { name, namespace = '' } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const isReady = at(pod, 'status.phase') === 'Running';
    const address = this.#addressOf(name);
    if (at(pod, 'metadata.deletionTimestamp') !== undefined) {
      await this.#send('DELETE', path, { gracePeriodSeconds: 0 });
    } else if (at(pod, 'spec.nodeName') !== undefined && !isReady && address !== undefined) {
      await this.#send('PATCH', `${path}/status`, { status: readyStatus(pod, address) });
    }
  }

  async #send(method: string, path: string, body: unknown): Promise<void> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = await fetch(this.#url + path, {
      method,
      headers: { 'content-type': type },
      body: JSON.stringify(body),
    });
    // Gone meanwhile, or changed meanwhile: the next round sees it as it is.
    if (!response.ok && ![404, 409].includes(response.status)) {
      throw new Error(`${method} ${path}: ${await response.text()}`);
    }
  }
}

function readyStatus(pod: Manifest, podIP: string): unknown {
  const now = new Date().toISOString();
  const names = at(pod, 'spec.containers') as readonly Container[];
  return {
    phase: 'Running',
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: now,
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: now,
    })),
    containerStatuses: names.map(({ name, image }) => ({
      name,
      image,
      imageID: 'simulated',
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: now } },
    })),
  };
}

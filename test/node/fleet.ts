import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { at, isTrue } from '../kubernetes/manifests.ts';
import type { Manifest } from '../kubernetes/manifests.ts';
import { scrape, sumOf } from '../support/metrics-page.ts';
import type { Page } from '../support/metrics-page.ts';

export const namespace = 'heimdall';
/** The answers that a member owns; it renews the figure every 5 s. */
const cacheMap = 'hazelcast_map_owned_entries{map="heimdall.cache"}';

/** Those pods of Heimdall that run now, and what they say of themselves. */
export class Fleet {
  readonly #plane: ControlPlane;

  constructor(plane: ControlPlane) {
    this.#plane = plane;
  }

  /** The address of the Service for clients. */
  get service(): string {
    const [found] = this.#plane
      .list('services', namespace)
      .filter(({ metadata }) => metadata.name === 'heimdall');
    return String(at(found, 'spec.clusterIP'));
  }

  resolvers(): readonly Manifest[] {
    return this.#running().filter(({ metadata }) => !metadata.name.startsWith('heimdall-grid'));
  }

  /** Where members are scraped; in sidecars they are in the pods of resolvers. */
  memberPages(): readonly string[] {
    const pods = this.#running().filter((pod) => hasMember(pod));
    return pods.map((pod) => `http://${addressOf(pod)}:9404/metrics`);
  }

  resolverPages(path: '/metrics' | '/metrics/cluster'): readonly string[] {
    return this.resolvers().map((pod) => `http://${addressOf(pod)}:8080${path}`);
  }

  /** Names of the pods, which change when pods are replaced by others. */
  identities(): readonly string[] {
    return this.#running().map((pod) => String(at(pod, 'metadata.uid')));
  }

  /** Whether so many resolvers, and no others, are ready. */
  isComplete(replicas: number): boolean {
    const all = this.#pods().filter(({ metadata }) => !metadata.name.startsWith('heimdall-grid'));
    return all.length === replicas && all.every(isReady);
  }

  /** What each member, and each resolver, says to be the number of members. */
  async sizes(): Promise<readonly number[]> {
    const members = await this.#pages(this.memberPages(), 'hazelcast_cluster_members');
    const resolvers = await this.#pages(this.resolverPages('/metrics'), 'heimdall_grid_members');
    return [...members, ...resolvers].map((page) => sumOf(page, ''));
  }

  /** Answers in the shared cache, backups not counted. */
  async sharedEntries(): Promise<number> {
    const pages = await this.#pages(this.memberPages(), cacheMap);
    return pages.reduce((sum, page) => sum + sumOf(page, cacheMap), 0);
  }

  /** A total over all replicas, as each of them tells it. */
  async totals(series: string): Promise<readonly number[]> {
    const pages = await this.#pages(this.resolverPages('/metrics/cluster'), 'heimdall_');
    return pages.map((page) => sumOf(page, series));
  }

  /** The sum of what those that run now have counted themselves. */
  async counted(series: string): Promise<number> {
    const pages = await this.#pages(this.resolverPages('/metrics'), 'heimdall_');
    return pages.reduce((sum, page) => sum + sumOf(page, series), 0);
  }

  #pages(urls: readonly string[], beginning: string): Promise<Page[]> {
    return Promise.all(
      urls.map((url) => scrape(url, beginning).catch(() => new Map<string, number>())),
    );
  }

  #pods(): readonly Manifest[] {
    return this.#plane.list('pods', namespace);
  }

  #running(): readonly Manifest[] {
    return this.#pods().filter((pod) => at(pod, 'metadata.deletionTimestamp') === undefined);
  }
}

function addressOf(pod: Manifest): string {
  return String(at(pod, 'status.podIP'));
}

function hasMember(pod: Manifest): boolean {
  const labels = at(pod, 'metadata.labels') as Readonly<Record<string, string>>;
  return labels['heimdall/member'] === 'true';
}

function isReady(pod: Manifest): boolean {
  return at(pod, 'metadata.deletionTimestamp') === undefined && isTrue('Ready', pod);
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { installed } from '../support/processes.ts';

const execute = promisify(execFile);
/** So that each run can have addresses of its own. */
const segmentsMax = 3;

/**
 * A network of this machine alone: a namespace of its own, and one link to it for each segment,
 * which can be cut. Addresses are 10.233.x.1 on this side and 10.233.x.2 in the namespace. On this
 * side they belong to a bridge, so that they stay reachable from here while the link is cut. Needs
 * root.
 *
 *     const network = await Network.create(['clients', 'grid']);
 *     … spawn(...network.command(program)) … await network.cut('grid') …
 *     await network.remove();
 */
export class Network {
  readonly #ip: string;
  readonly #segments: readonly string[];
  /** Other runs may be under way, or may have left their network; names have 15 characters at most. */
  readonly #tag = (process.pid % 46_656).toString(36);

  private constructor(ip: string, segments: readonly string[]) {
    this.#ip = ip;
    this.#segments = segments;
  }

  /** @throws with what is missing: a program, or the right to make namespaces */
  static async create(segments: readonly string[]): Promise<Network> {
    const network = new Network(installed('ip', 'iproute2'), segments);
    try {
      await network.#build();
      return network;
    } catch (cause) {
      await network.remove();
      throw new Error('no network namespace can be made here: it takes root', { cause });
    }
  }

  /** The address of this machine in a segment. */
  hostAddress(segment: string): string {
    return `${this.#prefix(segment)}.1`;
  }

  /** The address that a process in the namespace has in a segment. */
  insideAddress(segment: string): string {
    return `${this.#prefix(segment)}.2`;
  }

  /** The command line that runs a program inside. */
  command(program: readonly string[]): readonly [command: string, ...argv: string[]] {
    return [this.#ip, 'netns', 'exec', this.#namespace, ...program];
  }

  /** From now on packets of this segment are lost, both ways, and nobody is told. */
  async cut(segment: string): Promise<void> {
    await this.#run('link', 'set', this.#link(segment), 'down');
  }

  async heal(segment: string): Promise<void> {
    await this.#run('link', 'set', this.#link(segment), 'up');
  }

  /** Removes all of it, also what is only half there. */
  async remove(): Promise<void> {
    const ignore = (): void => undefined; // it is not there
    await this.#run('netns', 'del', this.#namespace).catch(ignore);
    for (const segment of this.#segments) {
      // One end takes the other with it.
      await this.#run('link', 'del', this.#link(segment)).catch(ignore);
      await this.#run('link', 'del', this.#bridge(segment)).catch(ignore);
    }
  }

  async #build(): Promise<void> {
    await this.#run('netns', 'add', this.#namespace);
    await this.#run('-n', this.#namespace, 'link', 'set', 'lo', 'up');
    for (const segment of this.#segments) await this.#buildSegment(segment);
  }

  async #buildSegment(segment: string): Promise<void> {
    const [bridge, link] = [this.#bridge(segment), this.#link(segment)];
    const within = ['-n', this.#namespace];
    await this.#run('link', 'add', bridge, 'type', 'bridge');
    await this.#run('addr', 'add', `${this.hostAddress(segment)}/24`, 'dev', bridge);
    await this.#run('link', 'set', bridge, 'up');
    await this.#run(
      ...['link', 'add', link, 'type', 'veth'],
      ...['peer', 'name', segment, 'netns', this.#namespace],
    );
    await this.#run('link', 'set', link, 'master', bridge, 'up');
    await this.#run(...within, 'addr', 'add', `${this.insideAddress(segment)}/24`, 'dev', segment);
    await this.#run(...within, 'link', 'set', segment, 'up');
  }

  get #namespace(): string {
    return `heimdall-${this.#tag}`;
  }

  #bridge(segment: string): string {
    return `hb${this.#tag}-${String(this.#numberOf(segment))}`;
  }

  #link(segment: string): string {
    return `hl${this.#tag}-${String(this.#numberOf(segment))}`;
  }

  /** Apart from those of other runs, as the names are. */
  #prefix(segment: string): string {
    const first = (process.pid % Math.floor(255 / segmentsMax)) * segmentsMax;
    return `10.233.${String(first + this.#numberOf(segment))}`;
  }

  #numberOf(segment: string): number {
    return this.#segments.indexOf(segment) + 1;
  }

  async #run(...argv: readonly string[]): Promise<void> {
    await execute(this.#ip, argv);
  }
}

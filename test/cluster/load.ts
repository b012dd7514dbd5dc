import { setTimeout as pause } from 'node:timers/promises';
import type { Asked, Asker } from './asker.ts';
import type { Cluster } from './cluster.ts';

const tickMs = 25;
const hotNames = 10;

/** What a steady load came to. */
export interface LoadResult {
  /** Names that every replica had in L1. */
  readonly hits: Asked[];
  /** Names that one replica was asked for. */
  readonly misses: Asked[];
  /** Names that all replicas were asked for at the same instant. */
  readonly sharedMisses: Asked[];
}

/** A steady load of hits and misses on all replicas of a cluster, until it is stopped. */
export class SteadyLoad {
  readonly #cluster: Cluster;
  readonly #zone: string;
  readonly #pending: Promise<unknown>[] = [];
  readonly #result: LoadResult = { hits: [], misses: [], sharedMisses: [] };
  #isOver = false;
  #ticks = 0;
  readonly #ended: Promise<void>;

  private constructor(cluster: Cluster, zone: string) {
    this.#cluster = cluster;
    this.#zone = zone;
    this.#ended = this.#run();
  }

  /** @param zone that no other load asks in */
  static async start(cluster: Cluster, zone: string): Promise<SteadyLoad> {
    const warm = cluster.clients.flatMap((client) =>
      Array.from({ length: hotNames }, (_, number) => client.read(`hot${String(number)}.${zone}`)),
    );
    await Promise.all(warm);
    return new SteadyLoad(cluster, zone);
  }

  /** Waits for the last answers. */
  async stop(): Promise<LoadResult> {
    this.#isOver = true;
    await this.#ended;
    await Promise.all(this.#pending);
    return this.#result;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const number = String(this.#ticks++);
      this.#cluster.clients.forEach((client, index) => {
        this.#ask(client, `hot${String(this.#ticks % hotNames)}`, this.#result.hits);
        this.#ask(client, `m${number}-${String(index)}`, this.#result.misses);
        this.#ask(client, `s${number}`, this.#result.sharedMisses);
      });
      await pause(tickMs);
    }
  }

  #ask(client: Asker, label: string, into: Asked[]): void {
    this.#pending.push(client.ask(`${label}.${this.#zone}`).then((asked) => into.push(asked)));
  }
}

/** The latency in milliseconds that this share of the queries did not exceed. */
export function quantileMs(asked: readonly Asked[], share: number): number {
  const sorted = asked.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

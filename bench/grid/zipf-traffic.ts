import { SeededRandom } from '../../src/base/random.ts';
import type { Answered, Client } from './client.ts';

/** Queries by Zipf popularity of exponent 1, the same for each seed. */
export interface ZipfTraffic {
  readonly names: number;
  readonly queries: number;
  readonly seed: number;
  readonly zone: string;
  /** Queries under way at a time. */
  readonly concurrency: number;
}

/** Asks any of the clients for each query. */
export async function askByZipf(
  clients: readonly Client[],
  { names, queries, seed, zone, concurrency }: ZipfTraffic,
): Promise<Answered[]> {
  const random = new SeededRandom(seed);
  const answered: Answered[] = [];
  let left = queries;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const rank = Math.floor(names ** random.fraction()); // density 1/x
      const client = clients[Math.floor(random.fraction() * clients.length)];
      if (client !== undefined) answered.push(await client.ask(`n${String(rank)}.${zone}`));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return answered;
}

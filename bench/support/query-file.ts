import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeededRandom } from '../../src/base/random.ts';

/** The zone that the authoritative server of the benchmarks serves. */
export const zoneName = 'bench.example.';

/** Names of the zone, from `n0` on. */
export function nameAt(index: number): string {
  return `n${String(index)}.${zoneName}`;
}

/** Writes a query file for dnsperf that asks for the addresses of the names `from` to `to - 1`. */
export function writeQueryFile(directory: string, from: number, to: number): string {
  const names = Array.from({ length: to - from }, (_, index) => nameAt(from + index));
  return writeNames(join(directory, `queries-${String(from)}-${String(to)}.txt`), names);
}

/** Writes a query file with names by Zipf popularity of exponent 1, the same for each seed. */
export function writeZipfFile(
  directory: string,
  { names, queries, seed }: { names: number; queries: number; seed: number },
): string {
  const random = new SeededRandom(seed);
  // A rank below N with density 1/x.
  const asked = Array.from({ length: queries }, () =>
    nameAt(Math.floor(names ** random.fraction()) - 1),
  );
  return writeNames(join(directory, `zipf-${String(names)}-${String(seed)}.txt`), asked);
}

/**
 * Writes a query file in which a share of the queries is for a name that nobody asked before; such
 * names begin with `new`, and with the number of the file.
 */
export function writeMixedFile(
  directory: string,
  { hot, queries, newShare, number }: MixedTraffic,
): string {
  const random = new SeededRandom(number);
  const asked = Array.from({ length: queries }, (_, index) =>
    random.fraction() < newShare
      ? `new-${String(number)}-${String(index)}.${zoneName}`
      : nameAt(Math.floor(random.fraction() * hot)),
  );
  return writeNames(join(directory, `mixed-${String(number)}.txt`), asked);
}

export interface MixedTraffic {
  /** Names that are hits. */
  readonly hot: number;
  readonly queries: number;
  readonly newShare: number;
  /** Of the file: no other one has its new names. */
  readonly number: number;
}

function writeNames(path: string, names: readonly string[]): string {
  writeFileSync(path, `${names.map((name) => `${name} A`).join('\n')}\n`);
  return path;
}

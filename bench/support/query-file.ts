import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The zone that the authoritative server of the benchmarks serves. */
export const zoneName = 'bench.example.';

/** Names of the zone, from `n0` on. */
export function nameAt(index: number): string {
  return `n${String(index)}.${zoneName}`;
}

/** Writes a query file for dnsperf that asks for the addresses of the names `from` to `to - 1`. */
export function writeQueryFile(directory: string, from: number, to: number): string {
  const path = join(directory, `queries-${String(from)}-${String(to)}.txt`);
  const lines = Array.from({ length: to - from }, (_, index) => `${nameAt(from + index)} A`);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

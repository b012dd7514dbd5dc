import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const benchRoot = fileURLToPath(new URL('..', import.meta.url));
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Programs that the benchmarks build; not under version control. */
export function buildDirectory(): string {
  return made(join(benchRoot, '.build'));
}

/** What was measured, as JSON; not under version control. */
export function resultsDirectory(): string {
  return made(join(benchRoot, 'results'));
}

/** For configuration files, zones and query files of one run. */
export function scratchDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'heimdall-bench-'));
}

function made(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { benchRoot, buildDirectory } from '../support/directories.ts';

/**
 * Compiles the ceiling with the compiler of the system, unless it is newer than its source.
 * @returns the path of the program
 * @throws when there is no C compiler, or it refuses the source
 */
export function buildCeiling(): string {
  const source = join(benchRoot, 'ceiling/ceiling.c');
  const program = join(buildDirectory(), 'ceiling');
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror'];
  execFileSync('cc', [...flags, '-o', program, source], { stdio: ['ignore', 'ignore', 'inherit'] });
  return program;
}

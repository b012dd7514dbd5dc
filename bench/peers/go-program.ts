import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDirectory } from '../support/directories.ts';
import { findProgram } from '../support/installed.ts';

const buildTimeoutMs = 20 * 60_000;

/** A program that Debian has no package of: it is built where Go is installed, once. */
export class GoProgram {
  readonly #name: string;
  readonly #module: string;
  readonly #version: string;

  /** @param module its path, without a version */
  constructor(name: string, module: string, version: string) {
    this.#name = name;
    this.#module = module;
    this.#version = version;
  }

  get path(): string {
    const built = join(buildDirectory(), this.#name);
    return existsSync(built) ? built : (findProgram(this.#name) ?? this.#name);
  }

  /** Why it cannot be run; undefined when it can, which may take minutes the first time. */
  unavailable(): string | undefined {
    if (existsSync(join(buildDirectory(), this.#name))) return undefined;
    if (findProgram(this.#name) !== undefined) return undefined;
    if (findProgram('go') === undefined) return 'not installed, and no Go to build it';
    process.stderr.write(`building ${this.#name} ${this.#version}\n`);
    try {
      this.#build();
      return undefined;
    } catch (error) {
      return `not installed, and not built: ${error instanceof Error ? error.message : 'failed'}`;
    }
  }

  /** By a module that requires it: `go install` wants versions listed, which not all proxies do. */
  #build(): void {
    const directory = join(buildDirectory(), `${this.#name}-module`);
    mkdirSync(directory, { recursive: true });
    const requirement = `require ${this.#module} ${this.#version}`;
    writeFileSync(join(directory, 'go.mod'), `module bench\n\n${requirement}\n`);
    writeFileSync(join(directory, 'bench.go'), `package bench\n\nimport _ "${this.#module}"\n`);
    const env = { ...process.env, GOFLAGS: '-mod=mod' };
    const options = { cwd: directory, env, timeout: buildTimeoutMs };
    execFileSync('go', ['mod', 'tidy', '-e'], options);
    const output = join(buildDirectory(), this.#name);
    execFileSync('go', ['build', '-trimpath', '-o', output, this.#module], options);
  }
}

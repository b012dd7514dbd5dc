import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Starts take 2 to 10 s; this is for a machine that is busy. */
const startMs = 60_000;
/** From being told to end until being ended. */
const patienceMs = 5_000;

/** Programs that run in the background, each with a log in one folder. */
export class Daemons {
  readonly #folder: string;
  readonly #running: ChildProcess[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  start(program: string, argv: readonly string[]): void {
    const log = openSync(join(this.#folder, `${basename(program)}.log`), 'a');
    this.#running.push(spawn(program, argv, { stdio: ['ignore', log, log] }));
  }

  /** Waits until something comes true. @throws with the logs when it does not, or a program ends */
  async until(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
    const endsAtMs = performance.now() + startMs;
    while (
      !(await Promise.resolve()
        .then(probe)
        .catch(() => false))
    ) {
      const ended = this.#running.find(({ exitCode }) => exitCode !== null);
      if (ended !== undefined || performance.now() > endsAtMs) {
        throw new Error(`no ${what}: ${ended?.spawnfile ?? 'too late'}\n${this.#logs()}`);
      }
      await pause(100);
    }
  }

  /** Ends them, the last one first. */
  async stop(): Promise<void> {
    for (const child of this.#running.toReversed()) {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      while (child.exitCode === null && child.signalCode === null) await pause(50);
      clearTimeout(late);
    }
  }

  #logs(): string {
    return execFileSync('sh', ['-c', `tail -n 5 '${this.#folder}'/*.log`], { encoding: 'utf8' });
  }
}

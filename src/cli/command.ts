import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Environment } from '../config/environment-layer.ts';

/** What a command may touch of the world. */
export interface CommandIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly env: Environment;
  readonly clock: Clock;
  readonly random: Random;
}

/** What the declaration of a command needs from the command line. */
export interface CommandContext {
  readonly io: CommandIo;
  /** Tells what the process exits with, a code of `exitCode` or the service's own. */
  readonly finish: (code: number) => void;
}

/** Data for programs, as `--json` prints it. */
export function printJson(io: CommandIo, value: unknown): void {
  io.stdout(`${JSON.stringify(value, undefined, 2)}\n`);
}

export function printLines(io: CommandIo, lines: readonly string[]): void {
  if (lines.length > 0) io.stdout(`${lines.join('\n')}\n`);
}

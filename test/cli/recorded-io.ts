import { SystemClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { runCli } from '../../src/cli/cli.ts';
import type { CommandIo } from '../../src/cli/command.ts';

/** What a command printed and how it ended. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process, without the environment of the machine. */
export async function run(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const printed = { stdout: '', stderr: '' };
  const io: CommandIo = {
    stdout: (text) => void (printed.stdout += text),
    stderr: (text) => void (printed.stderr += text),
    env,
    clock: new SystemClock(),
    random: new SeededRandom(7),
  };
  const code = await runCli(argv, io);
  return { code, ...printed };
}

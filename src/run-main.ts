import { holdProcess, SystemClock } from './base/clock.ts';
import { SystemRandom } from './base/random.ts';
import { runCli } from './cli/cli.ts';

/** Runs the command line that the process was started with. @returns what it exits with */
export function runMain(): Promise<number> {
  const running = runCli(process.argv.slice(2), {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    env: process.env,
    clock: new SystemClock(),
    random: new SystemRandom(),
  });
  return holdProcess(running);
}

import type { Argv } from 'yargs';
import { AdminCallFailed, describeError } from '../base/errors.ts';
import { type ApiArguments, apiFlags, exchange } from './api.ts';
import { type CommandContext, type CommandIo, printJson, printLines } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';

/** What `heimdall healthcheck` is called with. */
export interface HealthcheckArguments extends ApiArguments {
  /** Whether the process lives, instead of whether it can serve. */
  readonly live: boolean;
}

export function addHealthcheck<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'healthcheck',
    'Exit with 0 when a replica is ready, else with 1',
    (command) =>
      apiFlags(command)
        .option('live', { type: 'boolean', default: false, describe: 'Ask whether it lives only' })
        .example('$0 healthcheck', 'As HEALTHCHECK of a container or exec probe'),
    async (given) => finish(await runHealthcheck(given, io)),
  );
}

/** Probes know 0 and 1 only, so a replica that cannot be reached is 1 as well. */
export async function runHealthcheck(
  given: HealthcheckArguments,
  io: CommandIo,
): Promise<ExitCode> {
  const { healthy, detail } = await probe(given, io);
  if (given.json) printJson(io, { healthy, detail });
  else printLines(io, [`${healthy ? 'healthy' : 'not healthy'}: ${detail}`]);
  return healthy ? exitCode.ok : exitCode.failed;
}

async function probe(
  given: HealthcheckArguments,
  io: CommandIo,
): Promise<{ healthy: boolean; detail: string }> {
  const path = given.live ? '/healthz' : '/readyz';
  try {
    const { status, text } = await exchange(given, io, { method: 'GET', path });
    const firstLine = text.split('\n', 1)[0] ?? '';
    return { healthy: status === 200, detail: `HTTP ${String(status)} ${firstLine}`.trim() };
  } catch (error) {
    if (!(error instanceof AdminCallFailed)) throw error;
    return { healthy: false, detail: describeError(error) };
  }
}

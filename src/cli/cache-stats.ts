import type { Argv } from 'yargs';
import { type ApiArguments, apiFlags, callApi } from './api.ts';
import { type CommandContext, type CommandIo, printJson, printLines } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';
import { cellText, tableLines } from './table.ts';

export function addCacheStats<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'stats',
    'Show size and counters of the cache',
    (command) => apiFlags(command).example('$0 cache stats --json', 'For programs'),
    async (given) => finish(await runCacheStats(given, io)),
  );
}

/** Prints whatever numbers the replica tells. @throws {AdminCallFailed} */
export async function runCacheStats(given: ApiArguments, io: CommandIo): Promise<ExitCode> {
  const body = await callApi(given, io, { method: 'GET', path: '/api/v1/cache/stats' });
  if (given.json) printJson(io, body);
  else {
    const rows = Object.entries(body).map(([key, value]) => [key, cellText(value)]);
    printLines(io, tableLines(['NAME', 'VALUE'], rows));
  }
  return exitCode.ok;
}

import type { Argv } from 'yargs';
import { type ApiArguments, apiFlags, callApi, rowsOf } from './api.ts';
import { type CommandContext, type CommandIo, printJson, printLines } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';
import { cellText, tableLines } from './table.ts';

/** Heading and the key in the answer of the API. */
const columns = [
  ['SERVER', 'server'],
  ['ROUTE', 'route'],
  ['TRANSPORT', 'transport'],
  ['STATE', 'state'],
  ['RTT MS', 'smoothedRttMs'],
  ['RESPONSES', 'responses'],
  ['FAILURES', 'failures'],
  ['IN A ROW', 'consecutiveFailures'],
  ['RETRY MS', 'retryInMs'],
  ['LAST FAILURE', 'lastFailure'],
] as const;

export function addUpstreams<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'upstreams',
    'Show how a running replica judges its upstreams',
    (command) => apiFlags(command).example('$0 upstreams', 'Of the replica on this machine'),
    async (given) => finish(await runUpstreams(given, io)),
  );
}

/** Prints the upstreams. @throws {AdminCallFailed} */
export async function runUpstreams(given: ApiArguments, io: CommandIo): Promise<ExitCode> {
  const body = await callApi(given, io, { method: 'GET', path: '/api/v1/upstreams' });
  if (given.json) {
    printJson(io, body);
    return exitCode.ok;
  }
  const rows = rowsOf(body, 'upstreams').map((row) => columns.map(([, key]) => cellText(row[key])));
  const headings = columns.map(([heading]) => heading);
  printLines(io, tableLines(headings, rows));
  return exitCode.ok;
}

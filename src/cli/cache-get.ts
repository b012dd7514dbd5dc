import type { Argv } from 'yargs';
import { type ApiArguments, apiFlags, callApi, rowsOf } from './api.ts';
import { type CommandContext, type CommandIo, printJson, printLines } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';
import { cellText } from './table.ts';

/** What `heimdall cache get` is called with. */
export interface CacheGetArguments extends ApiArguments {
  readonly name: string | undefined;
  readonly type: string | undefined;
}

export function addCacheGet<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'get <name> [type]',
    'Show what the cache holds for a name',
    (command) =>
      apiFlags(command)
        .positional('name', { type: 'string', describe: 'The name' })
        .positional('type', { type: 'string', describe: 'One type; all of them by default' })
        .example('$0 cache get example.com AAAA', 'Records, TTL left, age and hits'),
    async (given) => finish(await runCacheGet(given, io)),
  );
}

/** Prints the entries; none is a negative result. @throws {AdminCallFailed} */
export async function runCacheGet(given: CacheGetArguments, io: CommandIo): Promise<ExitCode> {
  const search = new URLSearchParams({
    name: given.name ?? '',
    ...(given.type === undefined ? {} : { type: given.type }),
  });
  const path = `/api/v1/cache/entries?${search.toString()}`;
  const body = await callApi(given, io, { method: 'GET', path });
  const entries = rowsOf(body, 'entries');
  if (given.json) printJson(io, body);
  else if (entries.length > 0) printLines(io, entries.flatMap(entryLines));
  else io.stderr(`the cache holds nothing for ${given.name ?? ''}\n`);
  return entries.length > 0 ? exitCode.ok : exitCode.failed;
}

function entryLines(entry: Readonly<Record<string, unknown>>): string[] {
  const { records } = entry;
  const marks = [
    entry['dnssecOk'] === true ? ', dnssec ok' : '',
    entry['checkingDisabled'] === true ? ', checking disabled' : '',
    'subnet' in entry ? `, for ${cellText(entry['subnet'])}` : '',
    entry['stale'] === true ? ', stale' : '',
  ].join('');
  const text = (key: string): string => cellText(entry[key]);
  return [
    `;; ${text('name')} ${text('type')}: ${text('kind')}, ${text('ttlSeconds')} s left, ` +
      `${text('ageSeconds')} s old, ${text('hits')} hits${marks}`,
    ...(Array.isArray(records) ? records.map(cellText) : []),
  ];
}

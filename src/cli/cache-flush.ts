import type { Argv } from 'yargs';
import { UsageInvalid } from '../base/errors.ts';
import { type ApiArguments, apiFlags, callApi } from './api.ts';
import { type CommandContext, type CommandIo, printJson, printLines } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';
import { cellText } from './table.ts';

/** What `heimdall cache flush` is called with: exactly one of the three. */
export interface CacheFlushArguments extends ApiArguments {
  readonly name: string | undefined;
  readonly suffix: string | undefined;
  readonly all: boolean;
}

export function addCacheFlush<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  const text = { type: 'string', requiresArg: true } as const;
  return cli.command(
    'flush',
    'Forget entries of the cache',
    (command) =>
      apiFlags(command)
        .option('name', { ...text, describe: 'All types of this name' })
        .option('suffix', { ...text, describe: 'This domain and all names below it' })
        .option('all', { type: 'boolean', default: false, describe: 'Everything' })
        .check(hasOneChoice, false)
        .example('$0 cache flush --name www.example.com', 'One name')
        .example('$0 cache flush --suffix example.com', 'A domain')
        .example('$0 cache flush --all', 'Start cold'),
    async (given) => finish(await runCacheFlush(given, io)),
  );
}

type Choices = Pick<CacheFlushArguments, 'name' | 'suffix' | 'all'>;

/** The bodies that the arguments ask for. */
function choices({ name, suffix, all }: Choices): object[] {
  return [
    ...(name === undefined ? [] : [{ name }]),
    ...(suffix === undefined ? [] : [{ suffix }]),
    ...(all ? [{ all }] : []),
  ];
}

/** @throws {UsageInvalid} */
function hasOneChoice(given: Choices): true {
  if (choices(given).length === 1) return true;
  throw new UsageInvalid('give one of --name, --suffix and --all');
}

/** Flushes and prints how much went. @throws {AdminCallFailed} */
export async function runCacheFlush(given: CacheFlushArguments, io: CommandIo): Promise<ExitCode> {
  const [body] = choices(given);
  const answer = await callApi(given, io, { method: 'POST', path: '/api/v1/cache/flush', body });
  if (given.json) printJson(io, answer);
  else printLines(io, [`${cellText(answer['flushed'])} entries flushed`]);
  return exitCode.ok;
}

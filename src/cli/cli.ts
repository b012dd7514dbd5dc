import yargs, { type Argv } from 'yargs';
import {
  AdminCallFailed,
  ConfigInvalid,
  describeError,
  MalformedAddress,
  MalformedName,
  UsageInvalid,
} from '../base/errors.ts';
import { addCacheFlush } from './cache-flush.ts';
import { addCacheGet } from './cache-get.ts';
import { addCacheStats } from './cache-stats.ts';
import { addCluster } from './cluster.ts';
import type { CommandContext, CommandIo } from './command.ts';
import { addConfigCheck } from './config-check.ts';
import { addConfigImport } from './config-import.ts';
import { addConfigSchema } from './config-schema.ts';
import { addConfigShow } from './config-show.ts';
import { addDoctor } from './doctor.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';
import { addFilter } from './filter.ts';
import { addHealthcheck } from './healthcheck.ts';
import { addQuery } from './query.ts';
import { addServe } from './serve.ts';
import { addTop } from './top.ts';
import { addUpstreams } from './upstreams.ts';
import { readVersion } from '../base/version.ts';

/** Columns of help where the terminal does not say. */
const helpColumns = 100;

/**
 * Runs one command.
 * @param argv the arguments behind the name of the program
 * @returns what the process exits with
 */
export async function runCli(argv: readonly string[], io: CommandIo): Promise<number> {
  let code: number = exitCode.ok;
  const cli = program({ io, finish: (result) => (code = result) });
  try {
    // The callback keeps yargs from printing and exiting for itself.
    await cli.parseAsync(argv, {}, (_error, _arguments, output) => {
      if (output !== '') io.stdout(`${output}\n`);
    });
    return code;
  } catch (error) {
    return reportFailure(error, io);
  }
}

function program(context: CommandContext): Argv {
  const commands = [
    addServe,
    addQuery,
    addConfig,
    addCache,
    addUpstreams,
    addCluster,
    addFilter,
    addTop,
    addDoctor,
    addHealthcheck,
  ];
  const cli = yargs()
    .scriptName('heimdall')
    .usage('$0 <command>\n\nA caching, forwarding DNS resolver whose replicas behave as one')
    .locale('en') // the messages are in English, so the frame is as well
    .wrap(helpColumns)
    .version(readVersion())
    .help()
    .alias('help', 'h')
    .strict()
    .recommendCommands()
    .parserConfiguration({ 'parse-positional-numbers': false })
    .fail(refuse)
    .exitProcess(false);
  return commands
    .reduce<Argv>((parser, add) => add(parser, context), cli)
    .demandCommand(1, 'which command? See heimdall --help')
    .example('$0 serve', 'Start the resolver')
    .example('$0 query example.com', 'Ask it');
}

function addConfig(cli: Argv, context: CommandContext): Argv {
  return cli.command('config', 'Check, show, describe and translate the configuration', (command) =>
    [addConfigCheck, addConfigShow, addConfigSchema, addConfigImport]
      .reduce<Argv>((parser, add) => add(parser, context), command)
      .demandCommand(1, 'config needs one of check, show, schema and import')
      .example('$0 config check -c heimdall.yaml', 'Before it is rolled out'),
  );
}

function addCache(cli: Argv, context: CommandContext): Argv {
  return cli.command('cache', 'Look into the cache of a running replica', (command) =>
    [addCacheGet, addCacheFlush, addCacheStats]
      .reduce<Argv>((parser, add) => add(parser, context), command)
      .demandCommand(1, 'cache needs one of get, flush and stats')
      .example('$0 cache get example.com', 'What is kept for a name'),
  );
}

/** Says what went wrong in one place, and with which code the process ends. */
function reportFailure(error: unknown, io: CommandIo): ExitCode {
  io.stderr(`heimdall: ${describeError(error)}\n`);
  if (error instanceof ConfigInvalid) return exitCode.configInvalid;
  if (error instanceof AdminCallFailed) {
    return error.status === undefined ? exitCode.unreachable : exitCode.failed;
  }
  return isUsageError(error) ? exitCode.usage : exitCode.failed;
}

/** What yargs found wrong, or what a command threw. */
function refuse(message: string | null, error: Error | undefined): never {
  throw error ?? new UsageInvalid(message ?? 'the command line cannot be understood');
}

/** What was given cannot be a name or an address; or there is no such command or flag. */
const usageErrors = [UsageInvalid, MalformedName, MalformedAddress];

function isUsageError(error: unknown): boolean {
  if (usageErrors.some((kind) => error instanceof kind)) return true;
  return error instanceof Error && error.name === 'YError'; // a faulty use of flags
}

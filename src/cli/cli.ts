import yargs, { type Argv } from 'yargs';
import {
  AdminCallFailed,
  ConfigInvalid,
  describeError,
  MalformedAddress,
  MalformedName,
  UsageInvalid,
} from '../base/errors.ts';
import type { CommandContext, CommandIo } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';
import { readVersion } from '../base/version.ts';

/** Adds a command, with its flags and what it does. */
type Declaration = (cli: Argv, context: CommandContext) => Argv;

/** Columns of help where the terminal does not say. */
const helpColumns = 100;

/**
 * Runs one command.
 * @param argv the arguments behind the name of the program
 * @returns what the process exits with
 */
export async function runCli(argv: readonly string[], io: CommandIo): Promise<number> {
  let code: number = exitCode.ok;
  try {
    const cli = program(await declarations(argv), { io, finish: (result) => (code = result) });
    // The callback keeps yargs from printing and exiting for itself.
    await cli.parseAsync(argv, {}, (_error, _arguments, output) => {
      if (output !== '') io.stdout(`${output}\n`);
    });
    return code;
  } catch (error) {
    return reportFailure(error, io);
  }
}

/** In the order in which the help tells of them. */
const commands: Readonly<Record<string, () => Promise<Declaration>>> = {
  serve: async () => (await import('./serve.ts')).addServe,
  query: async () => (await import('./query.ts')).addQuery,
  config: async () => (await import('./config.ts')).addConfig,
  cache: async () => (await import('./cache.ts')).addCache,
  upstreams: async () => (await import('./upstreams.ts')).addUpstreams,
  cluster: async () => (await import('./cluster.ts')).addCluster,
  filter: async () => (await import('./filter.ts')).addFilter,
  top: async () => (await import('./top.ts')).addTop,
  doctor: async () => (await import('./doctor.ts')).addDoctor,
  healthcheck: async () => (await import('./healthcheck.ts')).addHealthcheck,
};

/** Of the command that is named; of all where none is. A probe does not load what serves. */
async function declarations([name = '']: readonly string[]): Promise<Declaration[]> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  return Promise.all((load === undefined ? Object.values(commands) : [load]).map((one) => one()));
}

function program(declared: readonly Declaration[], context: CommandContext): Argv {
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
  return declared
    .reduce<Argv>((parser, add) => add(parser, context), cli)
    .demandCommand(1, 'which command? See heimdall --help')
    .example('$0 serve', 'Start the resolver')
    .example('$0 query example.com', 'Ask it');
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

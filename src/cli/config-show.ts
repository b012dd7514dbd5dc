import type { Argv } from 'yargs';
import { type ConfigSource, loadConfig } from '../config/load.ts';
import { showAsObject, showAsYaml } from '../config/show.ts';
import { type CommandContext, type CommandIo, printJson } from './command.ts';
import { configFlags, sourceOf } from './config-source.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';

export function addConfigShow<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'show',
    'Print what is in effect and where each value came from',
    (command) =>
      configFlags(command)
        .option('json', { type: 'boolean', default: false, describe: 'Print data for programs' })
        .example('$0 config show', 'The defaults and what the environment changes')
        .example('$0 config show -c heimdall.yaml --json', 'With sources by path'),
    (given) => finish(showConfig(sourceOf(given, io.env), given.json, io)),
  );
}

/** Prints the effective configuration without its secrets. */
export function showConfig(source: ConfigSource, json: boolean, io: CommandIo): ExitCode {
  const loaded = loadConfig(source);
  for (const warning of loaded.warnings) io.stderr(`${warning}\n`);
  if (json) printJson(io, showAsObject(loaded));
  else io.stdout(showAsYaml(loaded));
  return exitCode.ok;
}

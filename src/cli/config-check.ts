import type { Argv } from 'yargs';
import { localRecords } from '../assembly/local-options.ts';
import { screenOptions } from '../assembly/screen-options.ts';
import { ConfigInvalid } from '../base/errors.ts';
import { type ConfigSource, loadConfig } from '../config/load.ts';
import { type CommandContext, type CommandIo, printJson, printLines } from './command.ts';
import { configFlags, sourceOf } from './config-source.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';

export function addConfigCheck<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'check',
    'Name every mistake in the configuration',
    (command) =>
      configFlags(command)
        .option('json', { type: 'boolean', default: false, describe: 'Print data for programs' })
        .example('$0 config check --config heimdall.yaml', 'Before it is rolled out'),
    (given) => finish(checkConfig(sourceOf(given, io.env), given.json, io)),
  );
}

/** Prints the problems or that there are none. */
export function checkConfig(source: ConfigSource, json: boolean, io: CommandIo): ExitCode {
  try {
    const { config, warnings, file } = loadConfig(source);
    localRecords(config);
    screenOptions(config);
    if (json) printJson(io, { valid: true, problems: [], warnings });
    else printLines(io, [...warnings, `${file ?? 'the configuration'}: no problems`]);
    return exitCode.ok;
  } catch (error) {
    if (!json || !(error instanceof ConfigInvalid)) throw error;
    printJson(io, { valid: false, problems: error.problems, warnings: [] });
    return exitCode.configInvalid;
  }
}

import { readFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { ConfigInvalid, describeError, UsageInvalid } from '../base/errors.ts';
import { importRustConfig } from '../config/import-rust.ts';
import { type CommandContext, type CommandIo } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';

export function addConfigImport<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'import <file>',
    'Translate the configuration of a Rust Heimdall',
    (command) =>
      command
        .positional('file', { type: 'string', describe: 'Its heimdall.toml', demandOption: true })
        .example('$0 config import heimdall.toml > heimdall.yaml', 'What has no equal is told'),
    ({ file }) => finish(importConfig(file, io)),
  );
}

/**
 * Prints our file, and on standard error what it does not say.
 * @throws {UsageInvalid} when the file cannot be read, or is no TOML
 * @throws {ConfigInvalid} when values of it cannot be used, after everything was printed
 */
export function importConfig(file: string, io: CommandIo): ExitCode {
  const { text, notes, problems } = importRustConfig(read(file));
  io.stdout(text);
  for (const note of notes) io.stderr(`${note}\n`);
  if (problems.length > 0) throw new ConfigInvalid(problems);
  return exitCode.ok;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageInvalid(`${file} cannot be read: ${describeError(cause)}`, { cause });
  }
}

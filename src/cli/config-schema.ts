import type { Argv } from 'yargs';
import { referenceMarkdown, schemaText } from '../config/reference.ts';
import type { CommandContext } from './command.ts';
import { exitCode } from './exit-codes.ts';

export function addConfigSchema<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'schema',
    'Print the JSON Schema of the configuration file, or its reference',
    (command) =>
      command
        .option('format', { choices: ['json', 'markdown'] as const, default: 'json' as const })
        .example('$0 config schema > docs/config.schema.json', 'For editors')
        .example('$0 config schema --format markdown', 'For readers'),
    ({ format }) => {
      io.stdout(format === 'json' ? schemaText() : referenceMarkdown());
      finish(exitCode.ok);
    },
  );
}

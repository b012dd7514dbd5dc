import type { Argv } from 'yargs';
import { addConfigCheck } from './config-check.ts';
import { addConfigShow } from './config-show.ts';
import { addConfigSchema } from './config-schema.ts';
import { addConfigImport } from './config-import.ts';
import type { CommandContext } from './command.ts';

export function addConfig(cli: Argv, context: CommandContext): Argv {
  return cli.command('config', 'Check, show, describe and translate the configuration', (command) =>
    [addConfigCheck, addConfigShow, addConfigSchema, addConfigImport]
      .reduce<Argv>((parser, add) => add(parser, context), command)
      .demandCommand(1, 'config needs one of check, show, schema and import')
      .example('$0 config check -c heimdall.yaml', 'Before it is rolled out'),
  );
}

import type { Argv } from 'yargs';
import { addCacheGet } from './cache-get.ts';
import { addCacheFlush } from './cache-flush.ts';
import { addCacheStats } from './cache-stats.ts';
import type { CommandContext } from './command.ts';

export function addCache(cli: Argv, context: CommandContext): Argv {
  return cli.command('cache', 'Look into the cache of a running replica', (command) =>
    [addCacheGet, addCacheFlush, addCacheStats]
      .reduce<Argv>((parser, add) => add(parser, context), command)
      .demandCommand(1, 'cache needs one of get, flush and stats')
      .example('$0 cache get example.com', 'What is kept for a name'),
  );
}

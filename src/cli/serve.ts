import type { Argv } from 'yargs';
import { serve } from '../app.ts';
import type { CommandContext } from './command.ts';
import { configFlags, sourceOf } from './config-source.ts';

export function addServe<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'serve',
    'Answer DNS queries until told to stop',
    (command) =>
      configFlags(command)
        .example('$0 serve', 'Listen on port 1053, ask the resolvers of the system')
        .example('$0 serve --listen 127.0.0.1:5300 --upstream 9.9.9.9', 'Ask one resolver')
        .example('$0 serve -c heimdall.yaml --set cache.maxBytes=256MiB', 'File and one option'),
    async (given) => finish(await serve(sourceOf(given, io.env))),
  );
}

import type { Argv } from 'yargs';
import { UsageInvalid } from '../base/errors.ts';
import { parseTtl } from '../dns/record-text.ts';
import { type ApiArguments, type ApiCall, apiFlags, callApi, rowsOf } from './api.ts';
import { type CommandContext, type CommandIo, printJson, printLines } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';

const path = '/api/v1/filter/pauses';
const group = { type: 'string', requiresArg: true, describe: 'Of this group alone' } as const;

/** `heimdall filter`: pauses the lists for a while, ends that, and shows it. */
export function addFilter(cli: Argv, { io, finish }: CommandContext): Argv {
  return cli.command('filter', 'Pause the lists of names for a while', (command) =>
    command
      .command(
        'pause',
        'Let names on lists through, at all replicas',
        (pause) =>
          apiFlags(pause)
            .option('group', group)
            .option('for', {
              type: 'string',
              requiresArg: true,
              demandOption: true,
              describe: 'How long: 90s, 10m, 1h30m',
            })
            .example('$0 filter pause --for 10m --group build', 'Ten minutes for one group'),
        async (given) => {
          const body = { group: given.group, seconds: secondsOf(given.for) };
          finish(await show(given, io, { method: 'PUT', path, body }));
        },
      )
      .command(
        'resume',
        'Let the lists hold again',
        (resume) => apiFlags(resume).option('group', group),
        async (given) => {
          const body = { group: given.group, seconds: 0 };
          finish(await show(given, io, { method: 'PUT', path, body }));
        },
      )
      .command(
        'status',
        'Show what is paused',
        (status) => apiFlags(status),
        async (given) => finish(await show(given, io, { method: 'GET', path })),
      )
      .demandCommand(1, 'filter needs one of pause, resume and status'),
  );
}

/** @throws {UsageInvalid} */
function secondsOf(text: string): number {
  const seconds = parseTtl(text);
  if (seconds === undefined || seconds === 0) {
    throw new UsageInvalid(`"${text}" is no time; write it as 90s, 10m or 1h30m`);
  }
  return seconds;
}

/** @throws {AdminCallFailed} */
async function show(given: ApiArguments, io: CommandIo, call: ApiCall): Promise<ExitCode> {
  const body = await callApi(given, io, call);
  if (given.json) {
    printJson(io, body);
    return exitCode.ok;
  }
  const lines = rowsOf(body, 'pauses').map((pause) => {
    const who = typeof pause['group'] === 'string' ? `group ${pause['group']}` : 'all clients';
    return `${who}: paused for ${String(Math.ceil(Number(pause['remainingMs']) / 1000))} s more`;
  });
  printLines(io, lines.length === 0 ? ['the lists hold'] : lines);
  return exitCode.ok;
}

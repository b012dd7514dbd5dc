import type { Argv } from 'yargs';
import { sleep } from '../base/clock.ts';
import { AdminCallFailed, UsageInvalid } from '../base/errors.ts';
import { type ApiArguments, apiFlags, callApi, exchange, rowsOf } from './api.ts';
import { type CommandContext, type CommandIo, printLines } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';
import { parseMetricsPage, totalOf, totalsBy } from './metrics-page.ts';
import type { PageSample } from './metrics-page.ts';
import { cellText, tableLines } from './table.ts';

interface TopArguments extends ApiArguments {
  readonly cluster: boolean;
  readonly interval: number;
  readonly times: number | undefined;
}

/** What was read at one moment. */
interface Frame {
  readonly atMs: number;
  readonly samples: readonly PageSample[];
  /** Empty where the admin API is not for us. */
  readonly names: readonly Readonly<Record<string, unknown>>[];
}

/** Clears the screen and goes to its top (ECMA-48). */
const clear = '\u001b[2J\u001b[H';

export function addTop<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'top',
    'Show live what a replica, or the whole cluster, does',
    (command) =>
      apiFlags(command)
        .option('cluster', {
          type: 'boolean',
          default: false,
          describe: 'Totals of all replicas instead of those of one',
        })
        .option('interval', { type: 'number', default: 2, describe: 'Seconds between two looks' })
        .option('times', {
          type: 'number',
          describe: 'Looks, without clearing the screen between them; for ever by default',
        })
        .hide('json')
        .example('$0 top --cluster', 'The whole cluster')
        .example('$0 top --times 2', 'For a file'),
    async (given) => finish(await runTop(given, io)),
  );
}

/**
 * Shows frame after frame.
 * @throws {AdminCallFailed} when the replica does not answer
 * @throws {UsageInvalid}
 */
export async function runTop(given: TopArguments, io: CommandIo): Promise<ExitCode> {
  const { interval, times } = given;
  if (!(interval > 0)) throw new UsageInvalid('--interval takes seconds above 0');
  let before: Frame | undefined;
  for (let shown = 0; times === undefined || shown < times; shown++) {
    if (shown > 0) await sleep(io.clock, interval * 1000);
    const frame = await readFrame(given, io);
    if (times === undefined) io.stdout(clear);
    printLines(io, linesOf(frame, before));
    before = frame;
  }
  return exitCode.ok;
}

async function readFrame(given: TopArguments, io: CommandIo): Promise<Frame> {
  const path = given.cluster ? '/metrics/cluster' : '/metrics';
  const { status, text } = await exchange(given, io, { method: 'GET', path });
  if (status !== 200) {
    throw new AdminCallFailed(`${path} answered with HTTP status ${String(status)}`, { status });
  }
  return {
    atMs: io.clock.nowMs(),
    samples: parseMetricsPage(text),
    names: await readNames(given, io),
  };
}

async function readNames(given: TopArguments, io: CommandIo): Promise<Frame['names']> {
  try {
    return rowsOf(await callApi(given, io, { method: 'GET', path: '/api/v1/cache/top' }), 'names');
  } catch (error) {
    if (error instanceof AdminCallFailed) return [];
    throw error;
  }
}

function linesOf(frame: Frame, before: Frame | undefined): string[] {
  const { samples } = frame;
  return [
    ...tableLines(
      ['QUERIES', 'PER SECOND', 'SERVFAIL', 'ENTRIES', 'UPSTREAMS UP'],
      [
        [
          cellText(queriesIn(samples)),
          rateText(frame, before),
          shareOf(samples, 'heimdall_responses_total', 'code', 'SERVFAIL'),
          cellText(totalOf(samples, 'heimdall_cache_entries')),
          upText(samples),
        ],
      ],
    ),
    '',
    ...shares('LAYER', totalsBy(samples, 'heimdall_query_duration_seconds_count', 'layer')),
    '',
    ...shares('RESULT', totalsBy(samples, 'heimdall_responses_total', 'code')),
    '',
    ...shares('TRANSPORT', totalsBy(samples, 'heimdall_queries_total', 'transport')),
    ...nameLines(frame.names),
  ];
}

function queriesIn(samples: readonly PageSample[]): number {
  return totalOf(samples, 'heimdall_queries_total') ?? 0;
}

function rateText({ atMs, samples }: Frame, before: Frame | undefined): string {
  if (before === undefined) return '-';
  const seconds = (atMs - before.atMs) / 1000;
  return cellText(Math.max(0, queriesIn(samples) - queriesIn(before.samples)) / seconds);
}

function upText(samples: readonly PageSample[]): string {
  const states = samples.filter(({ name }) => name === 'heimdall_upstream_up');
  if (states.length === 0) return '-';
  return `${String(states.filter(({ value }) => value > 0).length)} of ${String(states.length)}`;
}

function shareOf(
  samples: readonly PageSample[],
  name: string,
  label: string,
  value: string,
): string {
  const totals = totalsBy(samples, name, label);
  const all = totals.reduce((sum, [, total]) => sum + total, 0);
  return percent(totals.find(([key]) => key === value)?.[1] ?? 0, all);
}

/** What there was of each kind, and its share; kinds that there were none of are left out. */
function shares(heading: string, totals: readonly (readonly [string, number])[]): string[] {
  const all = totals.reduce((sum, [, total]) => sum + total, 0);
  const rows = totals
    .filter(([, total]) => total > 0)
    .map(([kind, total]) => [kind, cellText(total), percent(total, all)]);
  return tableLines([heading, 'TOTAL', 'SHARE'], rows);
}

function percent(part: number, all: number): string {
  return all === 0 ? '-' : `${((part / all) * 100).toFixed(1)}%`;
}

function nameLines(names: Frame['names']): string[] {
  if (names.length === 0) return [];
  const rows = names.map(({ name, type, hits }) => [name, type, hits].map(cellText));
  return ['', ...tableLines(['MOST ASKED', 'TYPE', 'HITS'], rows)];
}

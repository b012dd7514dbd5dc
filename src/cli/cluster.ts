import type { Argv } from 'yargs';
import { type ApiArguments, apiFlags, callApi, rowsOf } from './api.ts';
import { type CommandContext, type CommandIo, printJson, printLines } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';
import { cellText, tableLines } from './table.ts';

type Fields = Readonly<Record<string, unknown>>;

export function addCluster<T>(cli: Argv<T>, { io, finish }: CommandContext): Argv<T> {
  return cli.command(
    'cluster',
    'Show the cluster as a running replica sees it',
    (command) =>
      apiFlags(command)
        .example('$0 cluster', 'Members, replicas, upstreams and leases')
        .example('$0 cluster --json', 'For programs'),
    async (given) => finish(await runCluster(given, io)),
  );
}

/**
 * Prints what the replica knows of the others.
 * @returns `failed` when it has a grid and does not reach it
 * @throws {AdminCallFailed}
 */
export async function runCluster(given: ApiArguments, io: CommandIo): Promise<ExitCode> {
  const body = await callApi(given, io, { method: 'GET', path: '/api/v1/cluster' });
  const state = body['state'];
  if (given.json) printJson(io, body);
  else
    printLines(io, [...(state === 'off' ? [nothing] : clusterLines(body)), ...workerLines(body)]);
  return state === 'lost' ? exitCode.failed : exitCode.ok;
}

const nothing = 'this replica works by itself: no grid is configured (grid.members)';

function clusterLines(body: Fields): string[] {
  const upstreams = rowsOf(body, 'upstreams');
  return [
    ...section(
      '',
      tableLines(['GRID', 'TELLER', 'CLOCK AHEAD MS', 'BREAKERS OPEN'], [summary(body)]),
    ),
    ...section('Members', rowsTable(rowsOf(body, 'members'), memberColumns)),
    ...section('Replicas', replicaLines(rowsOf(body, 'replicas'))),
    ...section('Switches', switchLines(rowsOf(body, 'replicas'))),
    ...section('Upstreams', upstreamLines(upstreams)),
    ...section('Leases', countLines(fieldsOf(body['leases']))),
  ].slice(1);
}

/** The processes of this replica, where there are several. */
function workerLines(body: Fields): string[] {
  const workers = rowsOf(body, 'workers');
  return workers.length === 0 ? [] : section('Workers', rowsTable(workers, workerColumns));
}

const workerColumns = [
  ['WORKER', 'place'],
  ['PID', 'pid'],
  ['STATE', 'state'],
  ['RESTARTS', 'restarts'],
  ['IN FLIGHT', 'inFlight'],
  ['ENTRIES', 'cacheEntries'],
] as const;

/** An empty line, the title where there is one, and the lines. */
function section(title: string, lines: readonly string[]): string[] {
  return ['', ...(title === '' ? [] : [`${title}:`]), ...lines];
}

function summary(body: Fields): string[] {
  const { state, replica, clockOffsetMs, breakersOpen } = body;
  const open = Array.isArray(breakersOpen) && breakersOpen.length > 0 ? breakersOpen : ['none'];
  return [cellText(state), cellText(replica), cellText(clockOffsetMs), open.join(', ')];
}

const memberColumns = [
  ['ADDRESS', 'address'],
  ['VERSION', 'version'],
  ['ID', 'id'],
] as const;

function rowsTable(
  rows: readonly Fields[],
  columns: readonly (readonly [heading: string, key: string])[],
): string[] {
  if (rows.length === 0) return ['none'];
  return tableLines(
    columns.map(([heading]) => heading),
    rows.map((row) => columns.map(([, key]) => cellText(row[key]))),
  );
}

function replicaLines(replicas: readonly Fields[]): string[] {
  const layers = [
    ...new Set(replicas.flatMap((replica) => Object.keys(fieldsOf(replica['shares'])))),
  ];
  const headings = ['REPLICA', 'ADDRESS', 'VERSION', 'STARTED', 'ANSWERS'];
  const rows = replicas.map((replica) => [
    ...['id', 'address', 'version', 'startedAt', 'answers'].map((key) => cellText(replica[key])),
    ...layers.map((layer) => percent(fieldsOf(replica['shares'])[layer])),
  ]);
  return tableLines([...headings, ...layers.map((layer) => layer.toUpperCase())], rows);
}

function percent(share: unknown): string {
  return typeof share === 'number' ? `${(share * 100).toFixed(1)}%` : '-';
}

const switchColumns = [
  ['SHARED CACHE', 'sharedCache'],
  ['DEDUPLICATION', 'deduplication'],
  ['SHARED HEALTH', 'sharedHealth'],
  ['CLUSTER METRICS', 'clusterMetrics'],
] as const;

function switchLines(replicas: readonly Fields[]): string[] {
  const rows = replicas.map((replica) => ({ id: replica['id'], ...fieldsOf(replica['switches']) }));
  return rowsTable(rows, [['REPLICA', 'id'], ...switchColumns]);
}

/** A line for each upstream, with what each replica says of it. */
function upstreamLines(upstreams: readonly Fields[]): string[] {
  if (upstreams.length === 0) return ['none'];
  const seenBy = upstreams.map((upstream) => rowsOf(upstream, 'views'));
  const replicas = [...new Set(seenBy.flat().map((view) => cellText(view['replica'])))];
  const rows = upstreams.map((upstream, index) => [
    cellText(upstream['server']),
    cellText(upstream['agreed']),
    ...replicas.map((id) =>
      viewText(seenBy[index]?.find((view) => cellText(view['replica']) === id)),
    ),
  ]);
  return tableLines(['SERVER', 'AGREED', ...replicas], rows);
}

function viewText(view: Fields | undefined): string {
  if (view === undefined) return '-';
  const { state, smoothedRttMs } = view;
  const rtt = typeof smoothedRttMs === 'number' ? ` ${cellText(smoothedRttMs)} ms` : '';
  return `${cellText(state)}${rtt}`;
}

function countLines(counts: Fields): string[] {
  const entries = Object.entries(counts);
  if (entries.length === 0) return ['none'];
  return tableLines(
    entries.map(([name]) => name.toUpperCase().replaceAll('_', ' ')),
    [entries.map(([, count]) => cellText(count))],
  );
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

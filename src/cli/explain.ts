import { recordTypeName } from '../dns/codes.ts';
import { type ApiArguments, callApi } from './api.ts';
import { type CommandIo, printJson, printLines } from './command.ts';
import { exitCode, type ExitCode } from './exit-codes.ts';
import { cellText } from './table.ts';

/** What each layer means for somebody who wants to know why the answer is what it is. */
const meanings: Readonly<Record<string, string>> = {
  l1: 'kept in the memory of this replica',
  l2: 'kept in the grid: a replica had asked before, or asked just now',
  stale: 'kept, and expired: upstreams did not answer in time (RFC 8767)',
  upstream: 'asked of an upstream just now',
  local: 'known here: a record, a rewrite or a special-use name',
  filter: 'decided by a list or a rule of the filter',
  admit: 'not answered: refused before any stage',
  failure: 'no upstream gave a usable answer',
};

/**
 * Has a running replica ask as a client would, and prints where its answer came from.
 * @throws {AdminCallFailed} when it is not there, or refuses
 */
export async function runExplain(
  { name, type }: { readonly name: string; readonly type: number },
  given: ApiArguments,
  io: CommandIo,
): Promise<ExitCode> {
  const body = { name, type: recordTypeName(type) };
  const report = await callApi(given, io, { method: 'POST', path: '/api/v1/lookup', body });
  if (given.json) printJson(io, report);
  else printLines(io, linesOf(report));
  const { code } = report;
  return code === 'NOERROR' || code === 'NXDOMAIN' ? exitCode.ok : exitCode.failed;
}

function linesOf(report: Readonly<Record<string, unknown>>): string[] {
  const layer = cellText(report['layer']);
  const detail = report['detail'];
  const milliseconds = Number(report['durationMs']).toFixed(2);
  return [
    ...textsOf(report['records']),
    `;; ${cellText(report['code'])} after ${milliseconds} ms`,
    `;; ${layer}: ${meanings[layer] ?? 'a layer that this command does not know'}`,
    ...(typeof detail === 'string' && detail !== '' ? [`;; by ${detail}`] : []),
    ...textsOf(report['extendedErrors']).map((error) => `;; extended error ${error}`),
  ];
}

function textsOf(list: unknown): string[] {
  return Array.isArray(list) ? list.map(cellText) : [];
}

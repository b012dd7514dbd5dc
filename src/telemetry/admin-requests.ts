import { MalformedName, RequestRefused } from '../base/errors.ts';
import { recordTypeNumber } from '../dns/codes.ts';
import { lowerName, parseName } from '../dns/name.ts';
import type { FlushTarget, LogChange } from './admin-actions.ts';
import type { ClientDetail } from './client-address.ts';
import { logLevels } from './log.ts';
import type { LogLevel } from './log.ts';
import type { QueryLogOptions } from './query-log.ts';

type Fields = Readonly<Record<string, unknown>>;

const clientDetails: readonly ClientDetail[] = ['full', 'prefix', 'none'];

function bad(message: string): RequestRefused {
  return new RequestRefused(400, 'bad_request', message);
}

/** An object that has no other keys than these. */
function fieldsOf(value: unknown, what: string, allowed: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad(`${what} must be a JSON object with ${allowed.join(', ')}`);
  }
  for (const key of Object.keys(value)) {
    if (!allowed.includes(key)) {
      throw bad(`${what} has an unknown key "${key}"; allowed: ${allowed.join(', ')}`);
    }
  }
  return value as Fields;
}

function oneOf<Value extends string>(
  value: unknown,
  path: string,
  allowed: readonly Value[],
): Value {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw bad(`${path} must be one of ${allowed.join(', ')}`);
  return found;
}

function nameOf(value: unknown, path: string): Buffer {
  if (typeof value !== 'string') throw bad(`${path} must be a domain name`);
  try {
    return lowerName(parseName(value));
  } catch (error) {
    if (error instanceof MalformedName) throw bad(`${path}: ${error.message}`);
    throw error;
  }
}

/** @throws {RequestRefused} 400 */
export function readFlush(body: unknown): FlushTarget {
  const fields = fieldsOf(body, 'the body', ['name', 'suffix', 'all']);
  if (Object.keys(fields).length !== 1) {
    throw bad('the body must have one of name, suffix, all');
  }
  if ('name' in fields) return { kind: 'name', name: nameOf(fields['name'], 'name') };
  if ('suffix' in fields) return { kind: 'suffix', suffix: nameOf(fields['suffix'], 'suffix') };
  if (fields['all'] !== true) throw bad('all must be true');
  return { kind: 'all' };
}

/** @throws {RequestRefused} 400 */
export function readLookup(body: unknown): { readonly name: Buffer; readonly type: number } {
  const fields = fieldsOf(body, 'the body', ['name', 'type']);
  const { type: text = 'A' } = fields;
  const type = typeof text === 'string' ? recordTypeNumber(text) : undefined;
  if (type === undefined) throw bad('type must be a record type, such as A or TYPE65');
  return { name: nameOf(fields['name'], 'name'), type };
}

/** A week: who wants it longer changes the configuration. */
const pauseSecondsMax = 604_800;

/** @throws {RequestRefused} 400 */
export function readPause(body: unknown): {
  readonly group: string | undefined;
  readonly durationMs: number;
} {
  const { group, seconds } = fieldsOf(body, 'the body', ['group', 'seconds']);
  if (group !== undefined && typeof group !== 'string') throw bad('group must be a name');
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= pauseSecondsMax)) {
    throw bad(`seconds must be a number from 0 to ${String(pauseSecondsMax)}`);
  }
  return { group, durationMs: seconds * 1000 };
}

/** @throws {RequestRefused} 400 */
export function readLogChange(body: unknown): LogChange {
  const fields = fieldsOf(body, 'the body', ['level', 'queries']);
  if (Object.keys(fields).length === 0) throw bad('the body must have level or queries');
  return {
    ...('level' in fields && { level: oneOf<LogLevel>(fields['level'], 'level', logLevels) }),
    ...('queries' in fields && { queries: readQueryLog(fields['queries']) }),
  };
}

function readQueryLog(value: unknown): Partial<QueryLogOptions> {
  const fields = fieldsOf(value, 'queries', ['enabled', 'sampleShare', 'clients']);
  const { enabled, sampleShare, clients } = fields;
  if (enabled !== undefined && typeof enabled !== 'boolean') {
    throw bad('queries.enabled must be true or false');
  }
  return {
    ...(enabled !== undefined && { enabled }),
    ...(sampleShare !== undefined && { sampleShare: shareOf(sampleShare) }),
    ...(clients !== undefined && { clients: oneOf(clients, 'queries.clients', clientDetails) }),
  };
}

function shareOf(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw bad('queries.sampleShare must be a number from 0 to 1');
  }
  return value;
}

/** @throws {RequestRefused} 400 */
export function readEntriesQuery(parameters: URLSearchParams): {
  readonly name: Buffer;
  readonly type: number | undefined;
} {
  for (const key of parameters.keys()) {
    if (key !== 'name' && key !== 'type') {
      throw bad(`unknown parameter "${key}"; allowed: name, type`);
    }
  }
  const name = nameOf(parameters.get('name'), 'name');
  const text = parameters.get('type');
  if (text === null) return { name, type: undefined };
  const type = recordTypeNumber(text);
  if (type === undefined) throw bad('type must be a record type such as AAAA or TYPE65');
  return { name, type };
}

import type { Argv } from 'yargs';
import { AdminCallFailed } from '../base/errors.ts';
import type { CommandIo } from './command.ts';

/** The flags of every command that asks a running replica. */
export interface ApiArguments {
  readonly api: string | undefined;
  readonly token: string | undefined;
  readonly json: boolean;
}

const apiDefault = 'http://127.0.0.1:8080';

/** The API answers from memory; what takes longer is broken. */
const callTimeoutMs = 5000;

export function apiFlags<T>(cli: Argv<T>) {
  const text = { type: 'string', requiresArg: true } as const;
  return cli
    .option('api', { ...text, describe: `Admin API (env HEIMDALL_API); ${apiDefault} by default` })
    .option('token', { ...text, describe: 'Its token (env HEIMDALL_HTTP_TOKEN)' })
    .option('json', {
      type: 'boolean',
      default: false,
      describe: 'Print data for programs',
    });
}

/** One call. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With its query, from the root of the server. */
  readonly path: string;
  readonly body?: unknown;
}

/** What came back. */
export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Calls the API and reads the object it answers with.
 * @throws {AdminCallFailed} without a status when it cannot be reached, else with that of the refusal
 */
export async function callApi(
  given: ApiArguments,
  io: CommandIo,
  call: ApiCall,
): Promise<Readonly<Record<string, unknown>>> {
  const { status, text } = await exchange(given, io, call);
  const body = parseObject(text);
  if (status >= 200 && status < 300 && body !== undefined) return body;
  throw new AdminCallFailed(refusal(status, body), { status });
}

/**
 * Calls without a look at what comes back.
 * @throws {AdminCallFailed} when the server cannot be reached
 */
export async function exchange(
  given: ApiArguments,
  io: CommandIo,
  call: ApiCall,
): Promise<ApiAnswer> {
  const base = given.api ?? setVariable(io, 'HEIMDALL_API') ?? apiDefault;
  const abort = new AbortController();
  const patience = io.clock.setTimer(callTimeoutMs, () => abort.abort());
  try {
    const response = await fetch(new URL(call.path, base), {
      method: call.method,
      headers: headersFor(given, io),
      signal: abort.signal,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    return { status: response.status, text: await response.text() };
  } catch (cause) {
    throw new AdminCallFailed(`cannot reach the admin API at ${base}`, { cause });
  } finally {
    patience.cancel();
  }
}

/** A variable of the environment; an empty one counts as none, as in the configuration. */
function setVariable(io: CommandIo, name: string): string | undefined {
  const text = io.env[name];
  return text === '' ? undefined : text;
}

function headersFor(given: ApiArguments, io: CommandIo): Record<string, string> {
  const token = given.token ?? setVariable(io, 'HEIMDALL_HTTP_TOKEN');
  return {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The API says why in `{"error":{"code","message"}}`. */
function refusal(status: number, body: Readonly<Record<string, unknown>> | undefined): string {
  const error = body?.['error'];
  const message = isObject(error) ? error['message'] : undefined;
  const why = typeof message === 'string' ? `: ${message}` : '';
  return `the admin API answered with HTTP status ${String(status)}${why}`;
}

/** The objects of a list in an answer. */
export function rowsOf(
  body: Readonly<Record<string, unknown>>,
  key: string,
): readonly Readonly<Record<string, unknown>>[] {
  const list = body[key];
  return Array.isArray(list) ? list.filter(isObject) : [];
}

import { readFileSync } from 'node:fs';
import { AdminCallFailed } from '../base/errors.ts';
import { type ApiArguments, callApi, exchange, rowsOf } from './api.ts';
import type { CommandIo } from './command.ts';
import { parseMetricsPage, totalOf } from './metrics-page.ts';
import type { PageSample } from './metrics-page.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** What the checks go by, all read at one moment. */
export interface Facts {
  readonly version: Fields;
  /** The effective configuration, secrets hidden. */
  readonly config: Fields;
  readonly readiness: Fields;
  readonly upstreams: readonly Fields[];
  readonly cluster: Fields;
  readonly metrics: readonly PageSample[];
  /** Reads a file of the system, if it is there and may be read. */
  readonly systemFile: (path: string) => string | undefined;
  /** Unix time in milliseconds. */
  readonly wallMs: number;
}

/** @throws {AdminCallFailed} when the replica is not there, or refuses */
export async function gatherFacts(given: ApiArguments, io: CommandIo): Promise<Facts> {
  const read = (path: string): Promise<Fields> => callApi(given, io, { method: 'GET', path });
  return {
    version: await read('/api/v1/version'),
    config: await read('/api/v1/config'),
    readiness: await readReadiness(given, io),
    upstreams: rowsOf(await read('/api/v1/upstreams'), 'upstreams'),
    cluster: await read('/api/v1/cluster'),
    metrics: await readMetrics(given, io),
    systemFile,
    wallMs: io.clock.wallMs(),
  };
}

/** A replica that is not ready says so with status 503. */
async function readReadiness(given: ApiArguments, io: CommandIo): Promise<Fields> {
  const { text } = await exchange(given, io, { method: 'GET', path: '/readyz' });
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    throw new AdminCallFailed('/readyz answered with something else than JSON');
  }
}

async function readMetrics(given: ApiArguments, io: CommandIo): Promise<PageSample[]> {
  const { status, text } = await exchange(given, io, { method: 'GET', path: '/metrics' });
  if (status === 200) return parseMetricsPage(text);
  throw new AdminCallFailed(`/metrics answered with HTTP status ${String(status)}`, { status });
}

function systemFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined; // another system, or not for us
  }
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** A value of the configuration by its path, such as `listen.udp.receiveBufferBytes`. */
export function optionAt({ config }: Facts, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => fieldsOf(value)[key], config);
}

/** A whole metric; 0 where there is none. */
export function totalIn({ metrics }: Facts, name: string): number {
  return totalOf(metrics, name) ?? 0;
}

/** A metric with one value of one label; 0 where there is none. */
export function totalWith(
  { metrics }: Facts,
  name: string,
  [label, value]: readonly [label: string, value: string],
): number {
  return metrics
    .filter((sample) => sample.name === name && sample.labels[label] === value)
    .reduce((sum, sample) => sum + sample.value, 0);
}

/** The number in a file of the system. */
export function systemNumber(facts: Facts, path: string): number | undefined {
  const text = facts.systemFile(path);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

import { ConfigInvalid, type ConfigProblem } from '../base/errors.ts';
import { check } from './check.ts';
import { crossCheck } from './cross-checks.ts';
import { type Environment, readEnvironment } from './environment-layer.ts';
import { type FileLayer, readFileLayer } from './file-layer.ts';
import { readFlags, type Flags } from './flag-layer.ts';
import {
  type Layer,
  merge,
  type Place,
  type RawObject,
  valueAt,
  type ValueSource,
} from './layer.ts';
import { options } from './options.ts';
import type { Config } from './schema.ts';
import { withSecrets } from './secrets.ts';

/** Where a configuration comes from, in rising precedence after the defaults. */
export interface ConfigSource {
  /** A YAML file; without it `HEIMDALL_CONFIG` names one, if it is set. */
  readonly file?: string;
  readonly env: Environment;
  /** Option path to text, for example `{ 'log.level': 'debug' }`. */
  readonly flags: Flags;
}

/** A configuration that can be used, and how it came about. */
export interface LoadedConfig {
  readonly config: Config;
  /** Sentences for the log: what was ignored and why. */
  readonly warnings: readonly string[];
  readonly file?: string;
  /** Option path to the highest source that set it. */
  readonly sources: ReadonlyMap<string, ValueSource>;
}

/**
 * Reads and checks every source.
 * @throws {ConfigInvalid} with all problems of all sources.
 */
export function loadConfig(source: ConfigSource): LoadedConfig {
  const file = configFile(source);
  const flags = readFlags(source.flags);
  const problems = [...flags.problems];
  const fileLayer = file === undefined ? undefined : readFileOr(file, problems);
  const environment = readEnvironment(source.env);
  const layers = [fileLayer, environment.layer, flags.layer].filter((layer) => layer !== undefined);
  const config = checkAll(layers, problems);
  return {
    config: withSecrets(config, (path) => locateIn(layers, path)),
    warnings: [...(fileLayer?.warnings ?? []), ...environment.warnings, ...odd(config)],
    ...(file === undefined ? {} : { file }),
    sources: sourcesOf(layers),
  };
}

/** The file that a source means, if it means one. */
export function configFile(source: ConfigSource): string | undefined {
  if (source.file !== undefined) return source.file;
  const named = source.env['HEIMDALL_CONFIG'];
  return named === '' ? undefined : named;
}

/** Keeps the problems of the file, so that those of the other sources are found as well. */
function readFileOr(file: string, problems: ConfigProblem[]): FileLayer | undefined {
  try {
    return readFileLayer(file);
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

/** Each layer for itself, so that a wrong value is seen under a right one too; then all together. */
function checkAll(layers: readonly Layer[], problems: ConfigProblem[]): Config {
  for (const layer of layers) {
    const checked = check(layer);
    if ('problems' in checked) problems.push(...checked.problems);
  }
  if (problems.length > 0) throw new ConfigInvalid(problems);
  const raw = layers.reduce<RawObject>((below, layer) => merge(below, layer.raw), {});
  const locate = (path: readonly PropertyKey[]): Place => locateIn(layers, path);
  const merged = check({ source: 'default', raw, locate });
  if ('problems' in merged) throw new ConfigInvalid(merged.problems);
  const conflicts = crossCheck(merged.config, locate);
  if (conflicts.length > 0) throw new ConfigInvalid(conflicts);
  return merged.config;
}

/** The place in the highest layer that sets this path. */
function locateIn(layers: readonly Layer[], path: readonly PropertyKey[]): Place {
  const layer = layers.findLast((candidate) => valueAt(candidate.raw, path) !== undefined);
  return layer?.locate(path) ?? { source: 'defaults' };
}

function sourcesOf(layers: readonly Layer[]): ReadonlyMap<string, ValueSource> {
  return new Map(
    options.map(({ path }) => {
      const keys = path.split('.');
      const layer = layers.findLast((candidate) => valueAt(candidate.raw, keys) !== undefined);
      return [path, layer?.source ?? 'default'];
    }),
  );
}

/** What is allowed but hardly meant. */
function odd({ cache, upstream }: Config): string[] {
  const { enabled, clientTimeoutMs } = cache.serveStale;
  return enabled && clientTimeoutMs >= upstream.queryBudgetMs
    ? ['cache.serveStale.clientTimeoutMs has no effect: upstream.queryBudgetMs ends first']
    : [];
}

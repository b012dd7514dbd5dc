import { valueAt } from './layer.ts';
import { isSecret, options } from './options.ts';
import type { Config } from './schema.ts';

/** What is shown in place of a secret. */
const hidden = '***';

/** The configuration as it may be printed. */
export function redact(config: Config): Config {
  if (config.http.token === undefined) return config;
  return { ...config, http: { ...config.http, token: hidden } };
}

/** The value of an option in an effective configuration. */
export function valueOf(config: Config, path: string): unknown {
  return valueAt(config, path.split('.'));
}

/** The value of an option as it may be printed. */
export function shownValueOf(config: Config, path: string): unknown {
  const value = valueOf(config, path);
  return isSecret(path) && value !== undefined ? hidden : value;
}

/** Paths of the options whose values differ. */
export function changedPaths(before: Config, after: Config): readonly string[] {
  return options
    .map((option) => option.path)
    .filter(
      (path) => JSON.stringify(valueOf(before, path)) !== JSON.stringify(valueOf(after, path)),
    );
}

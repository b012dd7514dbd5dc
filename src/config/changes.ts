import { valueAt } from './layer.ts';
import { options } from './options.ts';
import type { Config } from './schema.ts';

/** What is shown in place of a secret. */
const hidden = '***';

/** The configuration as it may be printed. */
export function redact(config: Config): Config {
  const { http, grid, listen } = config;
  return {
    ...config,
    listen: {
      ...listen,
      cookies: { ...listen.cookies, secrets: listen.cookies.secrets.map(() => hidden) },
    },
    http: { ...http, ...(http.token === undefined ? {} : { token: hidden }) },
    grid: {
      ...grid,
      ...(grid.password === undefined ? {} : { password: hidden }),
      entryKeys: grid.entryKeys.map((key) => ({ ...key, secret: hidden })),
    },
  };
}

/** The value of an option in an effective configuration. */
export function valueOf(config: Config, path: string): unknown {
  return valueAt(config, path.split('.'));
}

/** The value of an option as it may be printed. */
export function shownValueOf(config: Config, path: string): unknown {
  return valueOf(redact(config), path);
}

/** Paths of the options whose values differ. */
export function changedPaths(before: Config, after: Config): readonly string[] {
  return options
    .map((option) => option.path)
    .filter(
      (path) => JSON.stringify(valueOf(before, path)) !== JSON.stringify(valueOf(after, path)),
    );
}

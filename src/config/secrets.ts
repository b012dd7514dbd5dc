import { readFileSync } from 'node:fs';
import { ConfigInvalid, describeError } from '../base/errors.ts';
import type { Place } from './layer.ts';
import type { Config } from './schema.ts';

/** Tells where an option was set, for the message about it. */
type Locate = (path: readonly PropertyKey[]) => Place;

/**
 * Reads the files that hold secrets, so that nobody else needs to know of them.
 * @throws {ConfigInvalid}
 */
export function withSecrets(config: Config, locate: Locate): Config {
  const { http, grid, listen } = config;
  const token = readSecret(http.tokenFile, ['http', 'tokenFile'], locate) ?? http.token;
  const password = readSecret(grid.passwordFile, ['grid', 'passwordFile'], locate) ?? grid.password;
  const entryKeys = grid.entryKeys.map((key, index) => {
    const path = ['grid', 'entryKeys', index, 'secretFile'];
    const found = readSecret(key.secretFile, path, locate) ?? key.secret;
    if (found === undefined) {
      throw problem(path, 'a key needs `secret` or `secretFile`', locate);
    }
    return { ...key, secret: found };
  });
  return {
    ...config,
    listen: { ...listen, cookies: withCookieSecrets(listen.cookies, locate) },
    http: { ...http, ...(token === undefined ? {} : { token }) },
    grid: { ...grid, ...(password === undefined ? {} : { password }), entryKeys },
  };
}

/** @throws {ConfigInvalid} when a line of the file is no secret */
function withCookieSecrets(
  cookies: Config['listen']['cookies'],
  locate: Locate,
): Config['listen']['cookies'] {
  const path = ['listen', 'cookies', 'secretFile'];
  const lines = readSecret(cookies.secretFile, path, locate)?.split(/\s+/);
  if (lines === undefined) return cookies;
  const wrong = lines.findIndex((line) => !/^[0-9a-f]{32}$/i.test(line));
  if (wrong >= 0) {
    const where = `line ${String(wrong + 1)} of the file`;
    throw problem(path, `${where} is no secret; allowed are 32 hexadecimal digits`, locate);
  }
  return { ...cookies, secrets: lines };
}

/** Every file whose content is part of the configuration. */
export function secretFiles({ http, grid, listen }: Config): string[] {
  const files = [
    http.tokenFile,
    grid.passwordFile,
    listen.cookies.secretFile,
    ...grid.entryKeys.map((key) => key.secretFile),
  ];
  return files.filter((file) => file !== undefined);
}

function readSecret(
  file: string | undefined,
  path: readonly PropertyKey[],
  locate: Locate,
): string | undefined {
  if (file === undefined) return undefined;
  let secret: string;
  try {
    secret = readFileSync(file, 'utf8').trim();
  } catch (error) {
    const why = `which cannot be read: ${describeError(error)}`;
    throw problem(path, `found ${JSON.stringify(file)}, ${why}`, locate);
  }
  if (secret === '') throw problem(path, `found ${JSON.stringify(file)}, which is empty`, locate);
  return secret;
}

function problem(path: readonly PropertyKey[], message: string, locate: Locate): ConfigInvalid {
  return new ConfigInvalid([{ ...locate(path), path: path.join('.'), message }]);
}

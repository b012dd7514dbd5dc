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
  const { http, grid } = config;
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
    http: { ...http, ...(token === undefined ? {} : { token }) },
    grid: { ...grid, ...(password === undefined ? {} : { password }), entryKeys },
  };
}

/** Every file whose content is part of the configuration. */
export function secretFiles({ http, grid }: Config): string[] {
  const files = [http.tokenFile, grid.passwordFile, ...grid.entryKeys.map((key) => key.secretFile)];
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

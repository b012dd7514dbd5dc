import type { Argv } from 'yargs';
import { UsageInvalid } from '../base/errors.ts';
import type { ConfigSource } from '../config/load.ts';
import type { Environment } from '../config/environment-layer.ts';

/** The flags that every command with a configuration takes. */
export interface ConfigArguments {
  readonly config: string | undefined;
  readonly listen: string[] | undefined;
  readonly http: string | undefined;
  readonly upstream: string[] | undefined;
  readonly logLevel: string | undefined;
  readonly set: string[] | undefined;
}

const listOption = { type: 'string', array: true, nargs: 1, requiresArg: true } as const;

export function configFlags<T>(cli: Argv<T>) {
  const text = { type: 'string', requiresArg: true } as const;
  return cli
    .option('config', { ...text, alias: 'c', describe: 'YAML file (env HEIMDALL_CONFIG)' })
    .option('listen', {
      ...listOption,
      describe: 'Address to take queries on, such as 127.0.0.1:53',
    })
    .option('http', { ...text, describe: 'Address of metrics and admin API, or off' })
    .option('upstream', {
      ...listOption,
      describe: 'Resolver to ask, such as 9.9.9.9 or tcp://9.9.9.9',
    })
    .option('log-level', { ...text, describe: 'error, warn, info or debug' })
    .option('set', { ...listOption, describe: 'Any option, as in cache.maxBytes=128MiB' })
    .check(({ set }) => hasValues(set ?? []), false);
}

/** The sources of a configuration, ready to be loaded. */
export function sourceOf(given: ConfigArguments, env: Environment): ConfigSource {
  const named = [
    ['listen.addresses', given.listen?.join(',')],
    ['http.address', given.http],
    ['upstream.servers', given.upstream?.join(',')],
    ['log.level', given.logLevel],
  ] as const;
  const flags = named.flatMap(([path, text]) =>
    text === undefined ? [] : [[path, text] as const],
  );
  const set = (given.set ?? []).map((text) => splitSetting(text));
  return {
    ...(given.config === undefined ? {} : { file: given.config }),
    env,
    flags: Object.fromEntries([...flags, ...set]),
  };
}

/** @throws {UsageInvalid} */
function hasValues(settings: readonly string[]): true {
  const odd = settings.find((text) => !text.includes('='));
  if (odd === undefined) return true;
  throw new UsageInvalid(`--set needs PATH=VALUE, not "${odd}"`);
}

function splitSetting(text: string): readonly [path: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at).trim(), text.slice(at + 1)];
}

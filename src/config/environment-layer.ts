import type { Layer } from './layer.ts';
import { nearest } from './nearest.ts';
import { type Option, optionByPath, options } from './options.ts';
import { textLayer, type TextSetting } from './text-layer.ts';

/** Variables as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

const prefix = 'HEIMDALL_';

/** A variable of the Rust Heimdall that means the same as an option here. */
interface Alias {
  readonly variable: string;
  readonly path: string;
  /** From its unit or words to ours. */
  readonly translate?: (text: string) => string;
}

/** The names that existing deployments set. */
export const aliases: readonly Alias[] = [
  { variable: 'HEIMDALL_BIND_ADDR', path: 'listen.addresses' },
  {
    variable: 'HEIMDALL_HTTP_BIND_ADDR',
    path: 'http.address',
    translate: (text) => (text === '' || text.toLowerCase() === 'disabled' ? 'off' : text),
  },
  { variable: 'HEIMDALL_MAX_CONCURRENT_QUERIES', path: 'listen.queriesInFlightMax' },
  { variable: 'HEIMDALL_CACHE_FILE_PATH', path: 'cache.snapshot.path' },
  {
    variable: 'HEIMDALL_CACHE_SAVE_INTERVAL',
    path: 'cache.snapshot.intervalMs',
    translate: (text) => (/^\d+$/.test(text) ? `${text}000` : text), // seconds there
  },
];

/** Variables that are read elsewhere: the file to load, and where `heimdall` finds a replica. */
const otherVariables = ['HEIMDALL_CONFIG', 'HEIMDALL_API'];

/** Variables of the Rust Heimdall that look alike but mean something else. */
const foreign: Readonly<Record<string, string>> = {
  HEIMDALL_UPSTREAM_TIMEOUT: 'tries adapt to the measured time here; see upstream.queryBudgetMs',
  HEIMDALL_MAX_CACHE_SIZE: 'it counted entries; cache.maxBytes counts bytes',
  HEIMDALL_ENABLE_PARALLEL_QUERIES: 'see upstream.strategy',
};

/** What Kubernetes injects for every Service whose name begins with `heimdall`. */
const serviceLink =
  /^HEIMDALL_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
const serviceLinkValue = /^(tcp|udp|sctp):\/\//;

function isServiceLink(variable: string, text: string): boolean {
  if (serviceLink.test(variable)) return true;
  return variable.endsWith('_PORT') && serviceLinkValue.test(text);
}

/** The layer that the environment sets, with a warning for each variable that means nothing. */
export function readEnvironment(environment: Environment): {
  readonly layer: Layer;
  readonly warnings: readonly string[];
} {
  return {
    layer: textLayer('environment', [...aliasSettings(environment), ...settings(environment)]),
    warnings: unknownVariables(environment),
  };
}

function aliasSettings(environment: Environment): TextSetting[] {
  return aliases.flatMap((alias) => {
    const text = environment[alias.variable];
    const option = optionByPath.get(alias.path);
    const value = text === undefined ? '' : (alias.translate?.(text.trim()) ?? text);
    return value === '' || option === undefined
      ? []
      : [{ option, text: value, place: alias.variable }];
  });
}

/** An empty variable is as good as none: templates that have no value to give set it so. */
function settings(environment: Environment): TextSetting[] {
  return options.flatMap((option: Option) => {
    const text = environment[option.variable] ?? '';
    return text === '' ? [] : [{ option, text, place: option.variable }];
  });
}

function unknownVariables(environment: Environment): string[] {
  const known = new Set([
    ...otherVariables,
    ...aliases.map((alias) => alias.variable),
    ...options.map((option) => option.variable),
  ]);
  return Object.entries(environment)
    .filter(([name, text]) => name.startsWith(prefix) && !known.has(name) && text !== undefined)
    .filter(([name, text]) => !isServiceLink(name, text ?? ''))
    .map(([name]) => unknownWarning(name, known));
}

function unknownWarning(name: string, known: Iterable<string>): string {
  const hint = foreign[name];
  if (hint !== undefined) return `environment: ${name} is not used: ${hint}`;
  const near = nearest(name, known);
  const advice = near === undefined ? '' : `; did you mean ${near}?`;
  return `environment: ${name} is no known variable and is ignored${advice}`;
}

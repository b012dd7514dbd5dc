import { stringify } from 'yaml';
import { redact, shownValueOf } from './changes.ts';
import type { LoadedConfig } from './load.ts';
import { options } from './options.ts';
import type { Config } from './schema.ts';

/** The effective configuration as a YAML file, with the source of each value behind it. */
export function showAsYaml(loaded: LoadedConfig): string {
  const lines: string[] = [];
  const open: string[] = [];
  for (const { path } of options) {
    const value = shownValueOf(loaded.config, path);
    if (value === undefined) continue;
    const keys = path.split('.');
    const key = keys.pop() ?? '';
    openSections(keys, { open, lines });
    const indent = '  '.repeat(keys.length);
    const text = stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
    lines.push(`${indent}${key}: ${text} # ${loaded.sources.get(path) ?? 'default'}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Writes the headings of the sections that are not open yet. */
function openSections(
  keys: readonly string[],
  state: { readonly open: string[]; readonly lines: string[] },
): void {
  const { open, lines } = state;
  while (open.some((key, depth) => keys[depth] !== key)) open.pop();
  for (const key of keys.slice(open.length)) {
    lines.push(`${'  '.repeat(open.length)}${key}:`);
    open.push(key);
  }
}

/** The same for programs. */
export interface ShownConfig {
  readonly file: string | null;
  readonly warnings: readonly string[];
  readonly config: Config;
  readonly sources: Readonly<Record<string, string>>;
}

export function showAsObject(loaded: LoadedConfig): ShownConfig {
  return {
    file: loaded.file ?? null,
    warnings: loaded.warnings,
    config: redact(loaded.config),
    sources: Object.fromEntries(loaded.sources),
  };
}

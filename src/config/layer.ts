import { isSecret, optionByPath, type Option } from './options.ts';

/** Where a value came from. */
export type ValueSource = 'default' | 'file' | 'environment' | 'flag';

/** A mapping as YAML or an environment gives it, before it is checked. */
export interface RawObject {
  [key: string]: unknown;
}

/** The values of one source, and how to name the place of each in a message. */
export interface Layer {
  readonly source: ValueSource;
  readonly raw: RawObject;
  /** The file, variable or flag, and the line where it has one, that set this path. */
  locate(path: readonly PropertyKey[]): Place;
}

/** A place to look at: the parts of a ConfigProblem that say where. */
export interface Place {
  readonly source: string;
  readonly line?: number;
}

export function isObject(value: unknown): value is RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `routes[1].suffix`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${String(key)}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

/** The value at a path, undefined where there is none. */
export function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** Sets a value, making the sections on the way. `path` is that of a known option. */
export function setValue(raw: RawObject, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let section = raw;
  for (const key of keys) {
    const next = section[key];
    section = isObject(next) ? next : (section[key] = {});
  }
  section[last] = value;
}

/** One mapping in which `upper` wins, section by section; lists are replaced, not joined. */
export function merge(lower: RawObject, upper: RawObject): RawObject {
  const merged: RawObject = { ...lower };
  for (const [key, value] of Object.entries(upper)) {
    const below = merged[key];
    merged[key] = isObject(below) && isObject(value) ? merge(below, value) : value;
  }
  return merged;
}

/** What was found, short enough for a message, and never a secret. */
export function formatFound(path: readonly PropertyKey[], value: unknown): string {
  if (value === undefined) return 'nothing';
  if (isSecret(formatPath(path))) return '***';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The option that a path leads to or into: `routes[1].suffix` belongs to `routes`. */
export function optionAt(path: readonly PropertyKey[]): Option | undefined {
  const index = path.findIndex((key) => typeof key === 'number');
  return optionByPath.get(formatPath(index < 0 ? path : path.slice(0, index)));
}

import type { z } from 'zod';
import type { ConfigProblem } from '../base/errors.ts';
import { formatFound, formatPath, type Layer, valueAt } from './layer.ts';
import { nearest } from './nearest.ts';
import { allowedAt, optionByPath, schemaAt } from './options.ts';
import { type Config, configSchema } from './schema.ts';

type Issue = z.core.$ZodIssue;

/** The configuration that a mapping describes, or everything that is wrong with it. */
export type Checked = { readonly config: Config } | { readonly problems: readonly ConfigProblem[] };

/** Checks one layer for itself, so that each problem can name its place. */
export function check(layer: Layer): Checked {
  const result = configSchema.safeParse(layer.raw);
  if (result.success) return { config: result.data };
  return { problems: result.error.issues.flatMap((issue) => describeIssue(layer, issue)) };
}

function describeIssue(layer: Layer, issue: Issue): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey(layer, issue.path, key));
  }
  return [wrongValue(layer, issue)];
}

function wrongValue(layer: Layer, issue: Issue): ConfigProblem {
  const value = valueAt(layer.raw, issue.path);
  const node = schemaAt(issue.path);
  const reason = issue.code === 'custom' && issue.message !== 'Invalid input' ? issue.message : '';
  return {
    ...layer.locate(issue.path),
    path: formatPath(issue.path),
    message: [
      `found ${formatFound(issue.path, value)}`,
      ...(reason === '' ? [] : [reason]),
      ...(node === undefined ? [] : [`allowed is ${allowedAt(node)}`]),
    ].join('; '),
  };
}

function unknownKey(layer: Layer, parent: readonly PropertyKey[], key: string): ConfigProblem {
  const path = [...parent, key];
  const siblings = Object.keys(schemaAt(parent)?.properties ?? {});
  const meant = nearestPath(parent, key, siblings);
  return {
    ...layer.locate(path),
    path: formatPath(path),
    message:
      meant === undefined
        ? `is no known key; allowed are ${siblings.join(', ')}`
        : `is no known key; did you mean ${meant}?`,
  };
}

/** A key of the same section that is spelled alike, or an option of that name elsewhere. */
function nearestPath(
  parent: readonly PropertyKey[],
  key: string,
  siblings: readonly string[],
): string | undefined {
  const sibling = nearest(key, siblings);
  if (sibling !== undefined) return formatPath([...parent, sibling]);
  if (parent.some((part) => typeof part === 'number')) return undefined; // keys of an item are its own
  return [...optionByPath.keys()].find((path) => path.endsWith(`.${key}`));
}

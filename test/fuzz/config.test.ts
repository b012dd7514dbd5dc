import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect } from '@jest/globals';
import { stringify } from 'yaml';
import { ConfigInvalid } from '../../src/base/errors.ts';
import type { Random } from '../../src/base/random.ts';
import { loadConfig } from '../../src/config/load.ts';
import { options } from '../../src/config/options.ts';
import { fuzz } from './fuzz-runs.ts';
import { below, mutate, noise, pick } from './message-mutation.ts';

const directory = mkdtempSync(join(tmpdir(), 'heimdall-fuzz-'));
const file = join(directory, 'heimdall.yaml');

afterAll(() => rmSync(directory, { recursive: true }));

/** Values that are right somewhere, and some that are right nowhere. */
const values: readonly unknown[] = [
  ...options.map(({ fallback }) => fallback),
  ...[true, false, null, 0, -1, 1, 0.5, 1e300, Number.NaN, '', ' ', '9.9.9.9', '[::1]:53', '1MiB'],
  ...[[], {}, [null], ['9.9.9.9'], [{ suffix: 'a', servers: ['1.1.1.1'] }], '__proto__', 'tcp://x'],
];

function randomTree(random: Random): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (let left = below(random, 8); left > 0; left--) {
    const keys = pick(random, options).path.split('.');
    if (random.fraction() < 0.1) keys[below(random, keys.length)] = 'unknown';
    let at = tree;
    for (const key of keys.slice(0, -1)) {
      const child = at[key];
      at = isTree(child) ? child : (at[key] = {});
    }
    at[keys.at(-1) ?? ''] = pick(random, values);
  }
  return tree;
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function load(text: string | Buffer): void {
  writeFileSync(file, text);
  try {
    loadConfig({ file, env: {}, flags: {} });
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
  }
}

describe('a configuration file', () => {
  fuzz('of any keys and values is loaded, or refused with reasons', 0.01, (random) => {
    load(stringify(randomTree(random)));
  });

  fuzz('that is damaged is loaded, or refused with reasons', 0.01, (random) => {
    load(mutate(Buffer.from(stringify(randomTree(random))), random, noise(random, 40)));
  });

  fuzz('of noise is refused with reasons', 0.002, (random) => load(noise(random, 200)));
});

describe('environment and flags', () => {
  fuzz('of any text are taken, or refused with reasons', 0.01, (random) => {
    const text = (): string =>
      random.fraction() < 0.5 ? noise(random, 20).toString('latin1') : String(pick(random, values));
    const option = pick(random, options);
    try {
      loadConfig({ env: { [option.variable]: text() }, flags: { [option.path]: text() } });
    } catch (error) {
      if (!(error instanceof ConfigInvalid)) throw error;
    }
  });
});

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { filesBelow, projectRoot } from '../support/source-files.ts';
import { runScript } from './run-script.ts';
import { titleOf } from './script-lines.ts';

const scripts = filesBelow('test/scenario/scripts', '.scenario').map((path) => {
  const text = readFileSync(join(projectRoot, path), 'utf8');
  return { path, text, title: titleOf(text) };
});

describe('scenarios', () => {
  test.each(scripts.map(({ path, text, title }) => [title, basename(path), path, text] as const))(
    '%s (%s)',
    async (_title, _name, path, text) => {
      await expect(runScript(path, text)).resolves.toBeUndefined();
    },
  );

  test('every script begins with a comment that says what it shows', () => {
    expect(scripts.filter(({ title }) => title === '').map(({ path }) => path)).toEqual([]);
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import { options } from '../../src/config/options.ts';
import { referenceMarkdown, schemaText } from '../../src/config/reference.ts';
import { showAsYaml } from '../../src/config/show.ts';

const docs = new URL('../../docs/', import.meta.url);

describe('what is written about the configuration', () => {
  test('docs/config.schema.json is what `config schema` prints', () => {
    expect(readFileSync(new URL('config.schema.json', docs), 'utf8')).toBe(schemaText());
  });

  test('docs/configuration.md is what `config schema --format markdown` prints', () => {
    expect(readFileSync(new URL('configuration.md', docs), 'utf8')).toBe(referenceMarkdown());
  });

  test('every option has a description that is a sentence, and says what is allowed', () => {
    for (const { description, allowed } of options) {
      expect(description).toMatch(/^[A-Z].*\.$/);
      expect(allowed).not.toContain('undefined');
    }
  });

  test('the example of the reference and the output of `config show` load', () => {
    const folder = mkdtempSync(join(tmpdir(), 'heimdall-docs-'));
    const file = join(folder, 'heimdall.yaml');
    const [, example = ''] = /```yaml\n(.*?)```/s.exec(referenceMarkdown()) ?? [];
    writeFileSync(file, example);
    const loaded = loadConfig({ file, env: {}, flags: {} });
    expect(loaded.config.routes).toEqual([{ suffix: 'corp.example', servers: ['10.0.0.53:53'] }]);
    writeFileSync(file, showAsYaml(loaded));
    expect(loadConfig({ file, env: {}, flags: {} }).config).toEqual(loaded.config);
    rmSync(folder, { recursive: true });
  });
});

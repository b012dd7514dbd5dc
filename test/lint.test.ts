import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { rooms } from './support/rooms.ts';
import type { Room } from './support/rooms.ts';
import { projectRoot } from './support/source-files.ts';

describe('the linter holds the import table of test/support/rooms.ts', () => {
  const probes = mkdtempSync(join(tmpdir(), 'heimdall-lint-'));
  let reported: ReadonlySet<string>;

  const packages = [...new Set(Object.values(rooms).flatMap((room) => room.packages)), 'left-pad'];
  const cases = Object.entries(rooms).flatMap(([name, room]) => probesOf(name, room, packages));

  beforeAll(() => {
    copyFileSync(join(projectRoot, '.oxlintrc.json'), join(probes, '.oxlintrc.json'));
    for (const [index, { room, line }] of cases.entries()) {
      const path = join(probes, probePath(room, index));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${line}\n`);
    }
    // The files of src itself are matched by name, and hold all their probes, one on a line.
    for (const room of Object.keys(rooms).filter((name) => name.endsWith('.ts'))) {
      const lines = cases.map((one, at) =>
        one.room === room ? one.line.replace(/\{ (\w+) \}/, `{ $1 as a${String(at)} }`) : '',
      );
      writeFileSync(join(probes, 'src', room), `${lines.join('\n')}\n`);
    }
    reported = lint(probes);
  });

  afterAll(() => rmSync(probes, { recursive: true }));

  test.each(Object.keys(rooms))(
    'in src/%s it reports what is forbidden and nothing else',
    (name) => {
      const wrong = cases.flatMap(({ room, line, allowed }, index) =>
        room === name && reported.has(placeOf(room, index)) === allowed ? [line] : [],
      );
      expect(wrong).toEqual([]);
    },
  );
});

/** Where the linter reports a probe. */
function placeOf(room: string, index: number): string {
  return room.endsWith('.ts') ? `src/${room}:${String(index + 1)}` : probePath(room, index);
}

interface Probe {
  readonly room: string;
  readonly line: string;
  readonly allowed: boolean;
}

function probePath(room: string, index: number): string {
  return room.endsWith('.ts')
    ? `src/unused/${String(index)}.ts`
    : `src/${room}/probe${String(index)}.ts`;
}

/** One import of every room and package, each said to be allowed or not. */
function probesOf(name: string, room: Room, packages: readonly string[]): Probe[] {
  const up = name.endsWith('.ts') ? './' : '../';
  const others = Object.keys(rooms).filter((other) => other !== name);
  const values = others.map((other) => ({
    room: name,
    line: `export { a } from '${up}${other.endsWith('.ts') ? other : `${other}/probe.ts`}';`,
    allowed: room.imports.includes(other),
  }));
  const types = room.types.map((other) => ({
    room: name,
    line: `import type { A } from '${up}${other}/probe.ts';`,
    allowed: true,
  }));
  const doors = packages.map((one) => ({
    room: name,
    line: `import { ${one === 'node:net' ? 'isIP' : 'a'} } from '${one}';`,
    allowed: room.packages.includes(one),
  }));
  const helper = {
    room: name,
    line: "import { a } from 'yargs/helpers';",
    allowed: name === 'cli',
  };
  return [...values, ...types, ...doors, helper];
}

/** Where `no-restricted-imports` was reported: the file, and for files of src itself the line. */
function lint(directory: string): Set<string> {
  const oxlint = join(projectRoot, 'node_modules/oxlint/bin/oxlint');
  let report: string;
  try {
    report = execFileSync(process.execPath, [oxlint, '-c', '.oxlintrc.json', '-f', 'unix'], {
      cwd: directory,
      encoding: 'utf8',
    });
  } catch (error) {
    report = String((error as { stdout?: unknown }).stdout);
  }
  const places = [...report.matchAll(/^(src\/\S+?):(\d+):\d+: .*no-restricted-imports/gm)];
  return new Set(places.flatMap(([, path = '', line = '']) => [path, `${path}:${line}`]));
}

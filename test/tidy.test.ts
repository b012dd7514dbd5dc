import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { bannedCode, bannedFileNames, bannedWords } from './support/names.ts';
import { packageOf, roomOf, rooms } from './support/rooms.ts';
import {
  filesBelow,
  findCycle,
  projectRoot,
  reachableFrom,
  readSources,
  withoutComments,
} from './support/source-files.ts';
import type { Import, SourceFile } from './support/source-files.ts';

/** A file of a sensible size has around 120 lines. */
const linesMax = 400;

const sources = readSources('src');
const benchSources = readSources('bench');
const testSources = readSources('test');
const everySource = [...sources, ...benchSources, ...testSources];

/** What is wrong in which file, so that a failure names both. */
function findings<T extends { readonly path: string }>(
  files: readonly T[],
  problemsOf: (file: T) => readonly string[],
): string[] {
  return files.flatMap((file) => problemsOf(file).map((problem) => `${file.path}: ${problem}`));
}

describe('rooms', () => {
  test('every file of src stands in a room of the table', () => {
    expect(sources.map(({ path }) => path).filter((path) => !(roomOf(path) in rooms))).toEqual([]);
  });

  test('a room imports only the rooms and packages that the table allows it', () => {
    const wrong = findings(sources, ({ path, imports }) =>
      imports.filter((one) => !isAllowed(roomOf(path), one)).map(({ specifier }) => specifier),
    );
    expect(wrong).toEqual([]);
  });

  test('relative imports lead to a file, and out of src only to package.json', () => {
    const wrong = findings(everySource, ({ path, imports }) =>
      imports
        .flatMap(({ target }) => (target === undefined ? [] : [target]))
        .filter((target) => !isInPlace(path, target)),
    );
    expect(wrong).toEqual([]);
  });

  test('imports make no cycle, types included', () => {
    expect(findCycle(everySource)).toBeUndefined();
  });

  test('every file of src is reached from src/main.ts or src/worker-main.ts', () => {
    const reached = reachableFrom(sources, ['src/main.ts', 'src/worker-main.ts']);
    expect(sources.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
  });

  test('every file in a folder of bench is reached from a file in bench itself', () => {
    const entries = benchSources
      .map(({ path }) => path)
      .filter((path) => dirname(path) === 'bench');
    const reached = reachableFrom(benchSources, entries);
    expect(benchSources.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
  });

  test('no file only hands on what other files export', () => {
    const barrels = everySource.filter(({ text }) => {
      const code = withoutComments(text).replaceAll(
        /^(?:import|export)\s[^;]* from '[^']+';/gm,
        '',
      );
      return code.trim() === '';
    });
    expect(barrels.map(({ path }) => path)).toEqual([]);
  });
});

function isAllowed(from: string, { specifier, target, typeOnly }: Import): boolean {
  const room = rooms[from];
  if (room === undefined) return false;
  if (target === undefined) return room.packages.includes(packageOf(specifier));
  const to = roomOf(target);
  return to === from || room.imports.includes(to) || (typeOnly && room.types.includes(to));
}

function isInPlace(from: string, target: string): boolean {
  const inside = !from.startsWith('src/') || target.startsWith('src/') || target === 'package.json';
  return inside && existsSync(join(projectRoot, target));
}

describe('sizes', () => {
  test(`no file of src or bench has more than ${String(linesMax)} lines`, () => {
    const long = [...sources, ...benchSources].filter(
      ({ text }) => text.split('\n').length - 1 > linesMax,
    );
    expect(long.map(({ path }) => path)).toEqual([]);
  });
});

describe('names', () => {
  test('files and folders are named after what is in them', () => {
    const wrong = findings(everySource, ({ path }) =>
      path
        .split('/')
        .slice(1)
        .map((part) => part.replace(/\..*$/, ''))
        .flatMap((part) => (part in bannedFileNames ? [bannedFileNames[part] ?? ''] : [])),
    );
    expect(wrong).toEqual([]);
  });

  test('file names are lower case words with hyphens', () => {
    const wrong = everySource.filter(
      ({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(basename(path)),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('file names and exports are written out in the terms of RFC 9499', () => {
    expect(findings(sources, (file) => namesOf(file).flatMap(abbreviationsIn))).toEqual([]);
  });

  test('what there is an own way for is not written another way', () => {
    const wrong = findings(sources, ({ path, text }) => {
      const code = withoutComments(text);
      return bannedCode
        .filter(({ except }) => except?.includes(roomOf(path)) !== true)
        .flatMap(({ pattern, instead }) => {
          const match = pattern.exec(code) ?? commentMatch(pattern, text);
          return match === null ? [] : [`${match[0]} -> ${instead}`];
        });
    });
    expect(wrong).toEqual([]);
  });
});

/** Marks such as TODO stand in comments, so those patterns are looked for in the whole text. */
function commentMatch(pattern: RegExp, text: string): RegExpExecArray | null {
  return pattern.source.includes('TODO') || pattern.source.includes('@ts-')
    ? pattern.exec(text)
    : null;
}

function namesOf({ path, text }: SourceFile): string[] {
  const declared =
    /^export\s+(?:async\s+)?(?:const|let|function\*?|class|abstract class|interface|type)\s+(\w+)/gm;
  return [basename(path, '.ts'), ...[...text.matchAll(declared)].map(([, name]) => name ?? '')];
}

/** The banned words of a name in camel case or with hyphens, each with what to use. */
function abbreviationsIn(name: string): string[] {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[-_]/);
  return words
    .filter((word) => Object.hasOwn(bannedWords, word))
    .map((word) => `${name} -> ${bannedWords[word] ?? ''} instead of ${word}`);
}

describe('documents', () => {
  test('every relative link leads to a file', () => {
    const pages = [...filesBelow('docs', '.md'), 'README.md', 'CHANGELOG.md'];
    const wrong = findings(
      pages
        .filter((path) => existsSync(join(projectRoot, path)))
        .map((path) => ({ path, text: readFileSync(join(projectRoot, path), 'utf8') })),
      ({ path, text }) => linksOf(text).filter((link) => !leadsToFile(path, link)),
    );
    expect(wrong).toEqual([]);
  });
});

/** The targets of Markdown links outside code blocks that lead into the project. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link ?? '')
    .filter((link) => !/^([a-z]+:|#)/.test(link));
}

function leadsToFile(page: string, link: string): boolean {
  const [file = ''] = link.split('#');
  return existsSync(join(projectRoot, normalize(join(dirname(page), file))));
}

describe('tests', () => {
  const testFiles = testSources.filter(({ path }) => path.endsWith('.test.ts'));

  test('every test file expects something', () => {
    const silent = testFiles.filter(
      ({ text }) => !/\bexpect(\.\w+)?\(/.test(withoutComments(text)),
    );
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test('no test is left out, put off or run alone', () => {
    const pattern =
      /\b(?:describe|test|it)\.(?:skip|only|todo|failing)\b|\b[xf](?:describe|test|it)\(/;
    const left = findings(testFiles, ({ text }) => pattern.exec(withoutComments(text)) ?? []);
    expect(left).toEqual([]);
  });

  test('no test is run again until it passes', () => {
    const again = testFiles.filter(({ text }) => /\bjest\.retry/.test(text));
    expect(again.map(({ path }) => path)).toEqual([]);
  });
});

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory of the project. */
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceFile {
  /** From the project root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** The file that a relative one leads to, from the project root; undefined for packages. */
  readonly target: string | undefined;
  /** Whether nothing is left of it at run time. */
  readonly typeOnly: boolean;
}

/** All files below a directory whose names end so; none where the directory does not exist. */
export function filesBelow(directory: string, ending: string): string[] {
  const absolute = join(projectRoot, directory);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split('/').includes('.build'))
    .toSorted();
}

/** Reads the TypeScript files below a directory with their imports. */
export function readSources(directory: string): SourceFile[] {
  return filesBelow(directory, '.ts').map((path) => {
    const text = readFileSync(join(projectRoot, path), 'utf8');
    return { path, text, imports: importsOf(path, withoutComments(text)) };
  });
}

/** The code alone; a `//` within a string such as a URL is left in place. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1');
}

const fromClause = /^(?:import|export)\s+(type\s)?[^;'"]*?\bfrom\s+'([^']+)'/gm;
const otherImports = [
  /^import\s+'([^']+)'/gm,
  /\bimport\(\s*'([^']+)'/g,
  /new URL\(\s*'(\.[^']+\.ts)'/g,
];

function importsOf(path: string, code: string): Import[] {
  const found: { specifier: string; typeOnly: boolean }[] = [];
  for (const [, type, specifier] of code.matchAll(fromClause)) {
    if (specifier !== undefined) found.push({ specifier, typeOnly: type !== undefined });
  }
  for (const pattern of otherImports) {
    for (const [, specifier] of code.matchAll(pattern)) {
      if (specifier !== undefined) found.push({ specifier, typeOnly: false });
    }
  }
  return found.map((one) => ({ ...one, target: targetOf(path, one.specifier) }));
}

function targetOf(path: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : undefined;
}

/** The first cycle that imports make, as the files on it; undefined when there is none. */
export function findCycle(sources: readonly SourceFile[]): string[] | undefined {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (path: string): string[] | undefined => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return undefined;
    way.push(path);
    for (const { target } of byPath.get(path)?.imports ?? []) {
      const cycle = target === undefined ? undefined : visit(target);
      if (cycle !== undefined) return cycle;
    }
    way.pop();
    done.add(path);
    return undefined;
  };
  for (const { path } of sources) {
    const cycle = visit(path);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** The files that can be reached from one of them through imports. */
export function reachableFrom(
  sources: readonly SourceFile[],
  entries: readonly string[],
): Set<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const { target } of byPath.get(path)?.imports ?? []) {
      if (target !== undefined) waiting.push(target);
    }
  }
  return reached;
}

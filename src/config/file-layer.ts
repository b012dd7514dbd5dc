import { readFileSync, statSync } from 'node:fs';
import {
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
} from 'yaml';
import { ConfigInvalid, describeError, type ConfigProblem } from '../base/errors.ts';
import { isObject, type Layer, type Place } from './layer.ts';

/** No configuration is that long; a wrong path may lead to anything. */
const fileBytesMax = 4 * 1024 ** 2;

/** A file with the notes of its parser that are no errors. */
export interface FileLayer extends Layer {
  readonly warnings: readonly string[];
}

/** Reads a YAML file. @throws {ConfigInvalid} when it cannot be read or is not YAML. */
export function readFileLayer(file: string): FileLayer {
  let text: string;
  try {
    if (statSync(file).size > fileBytesMax) {
      throw new ConfigInvalid([fileProblem(file, `is longer than ${String(fileBytesMax)} bytes`)]);
    }
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof ConfigInvalid) throw error;
    throw new ConfigInvalid([fileProblem(file, `cannot be read: ${describeError(error)}`)]);
  }
  return parseFileLayer(file, text);
}

function fileProblem(file: string, message: string, line?: number): ConfigProblem {
  return { source: file, ...(line === undefined ? {} : { line }), path: '', message };
}

/** Reads YAML 1.2 text. @throws {ConfigInvalid} for all its syntax errors, repeated keys included. */
export function parseFileLayer(file: string, text: string): FileLayer {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = document.errors.map((error) =>
    fileProblem(file, `YAML: ${error.message}`, lines.linePos(error.pos[0]).line),
  );
  if (problems.length > 0) throw new ConfigInvalid(problems);
  const raw = withoutEmptySections(toValue(file, document) ?? {});
  if (!isObject(raw)) {
    throw new ConfigInvalid([fileProblem(file, 'YAML: the file must hold a mapping', 1)]);
  }
  return {
    source: 'file',
    raw,
    locate: (path) => locate(path, { file, document, lines }),
    warnings: document.warnings.map(
      (warning) => `${file}:${String(lines.linePos(warning.pos[0]).line)}: ${warning.message}`,
    ),
  };
}

/** A tree: aliases that would grow without measure, or lead into themselves, are refused. */
function toValue(file: string, document: Document): unknown {
  try {
    const value = document.toJS() as unknown;
    JSON.stringify(value); // throws where a value contains itself
    return value;
  } catch (error) {
    throw new ConfigInvalid([fileProblem(file, `YAML: ${describeError(error)}`)]);
  }
}

/** A section whose lines are all commented out is null in YAML and means its defaults. */
function withoutEmptySections(value: unknown): unknown {
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, child]) => child !== null);
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutEmptySections(child)]));
}

interface Source {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

/** The line of the key at `path`, or of the nearest section above it that the file has. */
function locate(path: readonly PropertyKey[], source: Source): Place {
  for (let depth = path.length; depth > 0; depth--) {
    const offset = offsetOf(source.document, path.slice(0, depth));
    if (offset !== undefined) {
      return { source: source.file, line: source.lines.linePos(offset).line };
    }
  }
  return { source: source.file };
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  const last = path.at(-1);
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isMap(parent)) {
    const pair = parent.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === last,
    );
    return isNode(pair?.key) ? startOf(pair.key) : undefined;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? startOf(node) : undefined;
}

function startOf(node: Node): number | undefined {
  return node.range?.[0];
}
